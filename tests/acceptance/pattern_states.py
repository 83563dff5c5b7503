"""What the patterns of instances, states, cancellation, cycles and ends demand: not taken from a run."""

from pattern_case import Case, each

WAVE = """
>P >P[*]/body @P[*]/body#0 >P[*]/body/ask >P[*]/body/ask[0] .P[*]/body/ask[0] .P[*]/body/ask @P[*]/body#1
>P[*]/body/ask >P[*]/body/ask[1] .P[*]/body/ask[1] .P[*]/body/ask
>P[*]/body/ask[0] .P[*]/body/ask[1]
>P[*]/body/ask[1] .P[*]/body/ask[0]
@P[*]/body#1 P[*]/body/count .P[*]/body .P
"""
"""A round of a loop `P` that does two items at once and then counts."""
WAVES = f"""
@P#0 >P[0]/body
.P[0]/body @P[1]#0 >P[1]/body
{each(WAVE, 0, 1)}
"""
MILESTONE = """
>order @order#0 order/place @order#1 order/reached @order#2 order/store @order#3 order/passed @order#4
@order#4 order/pack .order
"""
"""An order that can be changed between two of its steps."""
ARBITRARY = ">paper @paper#0 paper[0]/begin"
CASES = [
    Case(
        10,
        {"reviews": 1},
        f"""
        {ARBITRARY} @paper#2 paper[0]/review @paper#3 paper[0]/judge @paper[1]#1
        @paper[1]#1 paper[1]/write @paper[1]#4 paper[1]/done .paper
        """,
        {"draft": True},
    ),
    Case(
        10,
        {"reviews": 2},
        f"""
        {ARBITRARY} @paper#1 paper[0]/write @paper#2 paper[0]/review @paper#3 paper[0]/judge @paper[1]#1
        @paper[1]#1 paper[1]/write @paper[1]#2 paper[1]/review @paper[1]#3 paper[1]/judge @paper[1]#4
        @paper[1]#4 paper[1]/done .paper
        """,
        {"draft": False},
    ),
    Case(11, "done", "begin short \n begin long longer"),
    Case(
        12,
        "on its way",
        "fines go_on \n" + each("fines >write >write[*] .write[*] .write \n go_on .write[*]", 0, 1),
    ),
    Case(13, ["Ada", "Ben", "Cem"], each(">sign sign[*] .sign file", 0, 1, 2)),
    Case(14, {"parts": 2}, each(">check check[*] .check report", 0, 1), {"parts": ["wheel", "bell"]}),
    Case(14, {"parts": 0}, "check report", {"parts": []}),
    Case(22, 120, "less", {"n": 5}),
    Case(22, 1, "-less", {"n": 1}),
    Case(
        15, {"visited": 4}, WAVES.replace("P", "search").replace("ask", "visit").replace("count", "next_wave")
    ),
    Case(
        16,
        "thank you",
        """
        >customer @customer#0 customer/thinks @customer#1 customer/answers .customer
        >first >first/answer @first/answer#0 >first/answer/comes .first/answer/comes @first/answer#1
        @first/answer#1 first/answer/chosen .first/answer
        >customer/answers .first/answer/comes
        >first >first/deadline @first/deadline#0 >first/deadline/passes .first/answer/comes
        .first/answer %first ~first/deadline/passes ~first/deadline .first
        .first >go_on @go_on#0 go_on/answered .go_on
        """,
        {"answer_after": 0.05},
    ),
    Case(
        16,
        "a reminder",
        """
        >customer @customer#0 customer/thinks @customer#1 customer/answers .customer
        >first >first/deadline @first/deadline#0 first/deadline/passes @first/deadline#1
        @first/deadline#1 first/deadline/chosen .first/deadline
        >first >first/answer @first/answer#0 >first/answer/comes .first/deadline/passes
        .first/deadline %first ~first/answer/comes ~first/answer .first
        .first >go_on @go_on#1 go_on/default .go_on
        """,
        {"answer_after": 50},
    ),
    Case(
        17,
        {"dig": "dug", "plant": "planted", "mow": "mown"},
        """
        >garden garden/dig garden/plant .garden
        >garden garden/mow .garden
        """,
        apart=("garden/dig", "garden/plant", "garden/mow"),
    ),
    Case(
        18,
        "changed",
        f"""
        {MILESTONE} .order/place .change/body/look
        >change @change#0 >change/body @change/body#0 change/body/asked @change/body#1 change/body/look
        .change/body/look @change/body#2 change/body/still @change/body#3 change/body/alter .change/body
        .change/body .change
        >change/body/still .order/passed
        """,
        {"asked_after": 0.05},
    ),
    Case(
        18,
        "too late",
        f"""
        {MILESTONE}
        >change @change#0 >change/body @change/body#0 change/body/asked @change/body#1
        @change/body#1 >change/body/look !change/body/look !change/body @change#1 change/catch_1 .change
        .order/passed !change/body/look
        """,
        {"asked_after": 20},
    ),
    Case(
        19,
        {"found": "nothing"},
        """
        >work >work/called_off @work/called_off#0 work/called_off/call @work/called_off#1 work/called_off/say
        work/called_off/say .work/called_off %work ~work/search .work
        >work >work/search .work/called_off/call
        """,
    ),
    Case(20, None, "claim >assess ~assess \n claim >witnesses ~witnesses", error="execution-timeout"),
    Case(
        21,
        {"sum": 10, "tries": 1},
        """
        >fill @fill#0 fill[0]/body @fill[1]#0 fill[1]/body .fill
        .fill never
        .fill >once @once#0 once[0]/body .once
        """,
    ),
    Case(
        23,
        "bell",
        "bell \n busy >listen @listen#0 listen/body .listen \n .bell .listen/body",
        {"busy_for": 0.05},
    ),
    Case(
        23,
        "silence",
        "bell \n busy >listen @listen#0 >listen/body !listen/body @listen#1 listen/catch_1 .listen",
        {"busy_for": 20},
    ),
    Case(24, "Dear Ada", "post away read"),
    Case(
        25,
        {"region": {"given_up": "total-timeout"}, "outside": "succeeded"},
        """
        >region @region#0 >region/body region/body/quick >region/body/slow ~region/body/slow !region/body
        region/body/quick >region/body/slower ~region/body/slower !region/body
        !region/body @region#1 region/catch_1 .region .outside
        >outside !region/body
        """,
    ),
    Case(
        26,
        "total-timeout",
        """
        >ask @ask#0 >ask/body ask/body[0] ~ask/body[1] !ask/body
        >ask/body >ask/body[1] ~ask/body[1]
        >ask/body >ask/body[2] ~ask/body[2] !ask/body
        !ask/body @ask#1 ask/catch_1 .ask
        """,
    ),
    Case(
        27,
        {"decided": True},
        """
        >opinions >opinions/all opinions/all[0] .opinions/enough
        >opinions/all >opinions/all[1] %opinions
        >opinions opinions/enough %opinions ~opinions/all[1] ~opinions/all .opinions decide
        """,
    ),
    Case(
        34,
        [30, None, 20],
        each(">offers >offers[*] @offers[*]#1 offers[*]/default .offers[*] .offers choose", 0, 2)
        + "\n>offers >offers[1] @offers[1]#0 >offers[1]/none !offers[1]/none !offers[1] .offers",
    ),
    Case(
        35,
        [{"who": "Ada"}, None, {"who": "Cem"}],
        each(
            ">bids >bids[*] @bids[*]#0 bids[*]/ask @bids[*]#1 bids[*]/note .bids[*] %bids",
            0,
            2,
        )
        + """
        .bids[0] .bids[2] %bids ~bids[1]/ask ~bids[1] .bids accept
        >bids >bids[1] @bids[1]#0 >bids[1]/ask %bids
        """,
    ),
    Case(36, {"asked": 4, "yes": 2}, WAVES.replace("P", "poll")),
    Case(
        39,
        "succeeded",
        each(
            """
        >account >account/* @account/*#0 account/*/read @account/*#1
        @account/*#1 account/*/write .account/* .account
        """,
            "deposit",
            "withdraw",
        ),
        apart=("account/deposit", "account/withdraw"),
    ),
    Case(
        40,
        {"oil": "fine", "tyres": "fine", "brakes": "worn"},
        each(">checks checks/* .checks", "oil", "tyres", "brakes"),
        apart=("checks/oil", "checks/tyres", "checks/brakes"),
    ),
    Case(
        43,
        {"stopped": True},
        """
        >all >all/main @all/main#0 all/main/work @all/main#1 all/main/stop .all/main %all ~all/beside .all
        >all >all/beside .all/main/work
        """,
    ),
]
