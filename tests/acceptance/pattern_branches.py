"""What the patterns of branching and synchronization demand: not taken from a run."""

from pattern_case import Case, each

CASES = [
    Case(1, {"shipped": 7}, "pick pack ship"),
    Case(
        2,
        {"stock": "succeeded", "invoice": "succeeded"},
        """
        order >stock .invoice
        order >invoice .stock
        """,
    ),
    Case(3, {"first": "quick", "second": "succeeded"}, "quick both \n slow both"),
    Case(4, "card", ">pay @pay#1 pay/middle .pay", {"amount": 700}),
    Case(4, "cash", ">pay @pay#0 pay/small .pay", {"amount": 20}),
    Case(4, "transfer", ">pay @pay#2 pay/default .pay", {"amount": 5000}),
    Case(5, "welcome back", "greet enter \n -register", {"member": True}),
    Case(5, "welcome", "register enter \n -greet", {"member": False}),
    Case(
        6,
        {"engine": {"engines": 1}, "ambulance": {"ambulances": 2}, "helicopter": None},
        """
        >send send/engine .send
        >send send/ambulance .send
        >send -send/helicopter .send
        """,
        {"fire": True, "injured": 2},
    ),
    Case(
        6,
        {"engine": None, "ambulance": None, "helicopter": None},
        each(">send -send/* .send", "engine", "ambulance", "helicopter"),
        {"fire": False, "injured": 0},
    ),
    Case(
        7,
        {"call": "succeeded", "mail": "succeeded", "letter": "skipped"},
        "call told \n mail told \n -letter told",
        {"mail": True, "letter": False},
    ),
    Case(
        7,
        {"call": "succeeded", "mail": "skipped", "letter": "skipped"},
        "call told \n -mail told \n -letter told",
        {"mail": False, "letter": False},
    ),
    Case(
        8,
        [{"looked_at": "engine"}, {"looked_at": "paint"}],
        f"""
        {each(">inspect >inspect[*] @inspect[*]#0 >inspect[*]/look", 0, 1)}
        >inspect[0]/look @inspect[0]/look#0 inspect[0]/look/engine .inspect[0]/look
        >inspect[1]/look @inspect[1]/look#1 inspect[1]/look/default .inspect[1]/look
        {each(".inspect[*]/look @inspect[*]#1 inspect[*]/report .inspect[*] .inspect", 0, 1)}
        .inspect[1]/report .inspect[0]/look/engine
        """,
    ),
    Case(9, {"answered": True}, ">near .near answer .far \n >far answer"),
    Case(
        28,
        ["Ada", "Ben"],
        each(
            """
            >patients >patients[*] >patients[*]/pulse >patients[*]/treat
            >patients[*] >patients[*]/breath .patients[*]/pulse
            .patients[*]/pulse patients[*]/treat .patients[*]/breath .patients[*] .patients
            """,
            0,
            1,
        )
        + ".patients[0] >patients[1]",
    ),
    Case(
        29,
        {"tested": "near"},
        """
        >samples >samples/near @samples/near#0 samples/near/drive @samples/near#1 samples/near/take
        >samples >samples/far @samples/far#0 >samples/far/drive .samples/near/drive
        samples/near/take .samples/near %samples ~samples/far/drive ~samples/far .samples test
        """,
    ),
    Case(30, {"decided": True}, ">first .first .second decide .third \n >second .first \n >third .first"),
    Case(
        31,
        ["budget", "roof"],
        each(
            """
            >motions >motions[*] >motions[*]/ada .motions[*]/ada .motions[*]/ben
            .motions[*]/ben motions[*]/pass .motions[*]/cem
            >motions[*] >motions[*]/ben .motions[*]/ada
            >motions[*] >motions[*]/cem .motions[*]/ada
            .motions[*]/cem .motions[*] .motions
            """,
            0,
            1,
        )
        + ".motions[0] >motions[1]",
    ),
    Case(
        32,
        {"first": {"good": True}, "second": {"good": True}, "third": None},
        """
        >references >references/first .references/first %references ~references/third .references hire
        >references >references/second @references/second#0 references/second/call @references/second#1
        @references/second#1 references/second/note .references/second %references
        >references >references/third @references/third#0 >references/third/call .references/second/call
        %references ~references/third/call ~references/third
        """,
    ),
    Case(
        33,
        [0, 1],
        each(
            """
            >bicycles >bicycles[*] bicycles[*]/wheels .bicycles[0]/frame
            >bicycles[*] bicycles[*]/frame bicycles[*]/assemble .bicycles[*] .bicycles
            .bicycles[*]/wheels .bicycles[1]/frame
            """,
            0,
            1,
        ),
    ),
    Case(
        37,
        {"photos": "skipped"},
        """
        visit -photos -develop report archive
        visit notes report
        """,
        {"photos": False},
    ),
    Case(
        37,
        {"photos": "succeeded"},
        """
        visit photos develop report archive
        visit notes report
        """,
        {"photos": True},
    ),
    Case(
        38,
        {"version": 3, "legal": "skipped"},
        f"""
        >draft @draft#0 draft[0]/write @draft#1 draft[0]/read @draft[1]#0
        {each("@draft[*]#0 draft[*]/write @draft[*]#1 draft[*]/read .draft publish", 1, 2)}
        .draft[1]/read @draft[2]#0
        -legal -agreed publish
        """,
        {"legal": False},
    ),
    Case(
        38,
        {"version": 3, "legal": "succeeded"},
        f"""
        >draft @draft#0 draft[0]/write @draft#1 draft[0]/read @draft[1]#0
        {each("@draft[*]#0 draft[*]/write @draft[*]#1 draft[*]/read .draft publish", 1, 2)}
        .draft[1]/read @draft[2]#0
        legal agreed publish
        """,
        {"legal": True},
    ),
    Case(
        41,
        [{"bottles": 2}, {"bottles": 2}],
        each(
            """
            >boxes >boxes[*] @boxes[*]#0 >boxes[*]/fill boxes[*]/fill[0] .boxes[*]/fill
            >boxes[*]/fill boxes[*]/fill[1] .boxes[*]/fill
            .boxes[*]/fill @boxes[*]#1 boxes[*]/close .boxes[*] .boxes
            """,
            0,
            1,
        ),
    ),
    Case(
        42,
        [0, 1, 2],
        each(
            """
        >copies >copies[*] @copies[*]#0 copies[*]/print @copies[*]#1
        @copies[*]#1 copies[*]/staple .copies[*] .copies
        """,
            0,
            1,
            2,
        ),
        {"copies": 3},
    ),
]
