"""The circuit breaker: its state machine under a clock of our own, and what a client counts."""

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from net_servers import Asked, answer, serving

from harmonia_net import (
    AddressRefused,
    BreakerOptions,
    CircuitOpen,
    CircuitStatus,
    Client,
    ClientOptions,
    ConnectionLost,
    Guard,
    Request,
    TimedOut,
    Timeouts,
)
from harmonia_net.circuits import MOST_ORIGINS, Breaker

ORIGIN = "http://a.example:80"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(BreakerOptions(failures=3, window=60, open_for=30), clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.admit(ORIGIN)
        breaker.fail(ORIGIN)


def test_it_opens_after_enough_failures(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    assert breaker.states()[ORIGIN].status is CircuitStatus.CLOSED
    fail(breaker, 1)
    with pytest.raises(CircuitOpen) as caught:
        breaker.admit(ORIGIN)
    assert caught.value.retry_after == 30
    assert breaker.states()[ORIGIN] == (breaker.states()[ORIGIN].__class__)(CircuitStatus.OPEN, 3, 30)
    breaker.admit("http://b.example:80")


def test_old_failures_are_forgotten(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    clock.now += 60
    fail(breaker, 2)
    breaker.admit(ORIGIN)
    assert breaker.states()[ORIGIN].failures == 2


def test_a_success_forgets_failures(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.succeed(ORIGIN)
    assert breaker.states() == {}


def test_one_call_tries_a_half_open_circuit(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 30
    assert breaker.states()[ORIGIN].status is CircuitStatus.HALF_OPEN
    breaker.admit(ORIGIN)
    with pytest.raises(CircuitOpen) as caught:
        breaker.admit(ORIGIN)
    assert caught.value.retry_after == 1
    breaker.succeed(ORIGIN)
    breaker.admit(ORIGIN)
    assert breaker.states() == {}


def test_a_failed_try_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 100  # longer than the window: a failed try needs no others
    fail(breaker, 1)
    assert breaker.states()[ORIGIN].retry_after == 30
    with pytest.raises(CircuitOpen):
        breaker.admit(ORIGIN)


def test_an_abandoned_try_leaves_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 30
    breaker.admit(ORIGIN)
    breaker.abandon(ORIGIN)
    breaker.admit(ORIGIN)


def test_late_results_of_calls_from_before(breaker: Breaker, clock: Clock) -> None:
    for _ in range(5):
        breaker.admit(ORIGIN)
    for _ in range(3):
        breaker.fail(ORIGIN)
    breaker.succeed(ORIGIN)
    clock.now += 10
    breaker.fail(ORIGIN)
    assert breaker.states()[ORIGIN].retry_after == 20


def test_it_remembers_a_limited_number_of_origins(breaker: Breaker) -> None:
    for number in range(MOST_ORIGINS + 10):
        breaker.fail(f"http://{number}.example:80")
    assert len(breaker.states()) == MOST_ORIGINS
    assert "http://9.example:80" not in breaker.states()


class Laws(RuleBasedStateMachine):
    """Whatever happens: open means closed to all, half-open lets exactly one in, closed lets all in."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(BreakerOptions(failures=2, window=10, open_for=5), self.clock)
        self.trying = 0

    def status(self) -> CircuitStatus:
        state = self.breaker.states().get(ORIGIN)
        return state.status if state else CircuitStatus.CLOSED

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def call(self) -> None:
        before = self.status()
        try:
            self.breaker.admit(ORIGIN)
        except CircuitOpen as refused:
            assert before is not CircuitStatus.CLOSED
            assert 0 < (refused.retry_after or 0) <= 5
        else:
            assert before is not CircuitStatus.OPEN
            self.trying += 1

    @precondition(lambda self: self.trying)
    @rule(end=st.sampled_from(["succeed", "fail", "abandon"]))
    def end(self, end: str) -> None:
        self.trying -= 1
        getattr(self.breaker, end)(ORIGIN)

    @invariant()
    def the_time_to_wait_is_bounded(self) -> None:
        state = self.breaker.states().get(ORIGIN)
        assert state is None or 0 <= state.retry_after <= 5


TestLaws = Laws.TestCase
TestLaws.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


async def test_what_a_client_counts(clock: Clock) -> None:
    replies = {"/500": answer(b"", "500 Oops"), "/404": answer(b"", "404 No"), "/gone": None}

    def react(asked: Asked) -> bytes | None:
        return replies.get(asked.path, answer())

    options = ClientOptions(guard=Guard(allow_loopback=True), breaker=BreakerOptions(failures=2))
    async with serving(react) as server, Client(options, clock=clock) as client:
        origin = server.url("")
        assert (await client.request(Request(url=server.url("/500")))).status == 500
        assert client.circuits()[origin].failures == 1
        assert (await client.request(Request(url=server.url("/404")))).status == 404
        assert client.circuits() == {}
        with pytest.raises(ConnectionLost):
            await client.request(Request(url=server.url("/gone")))
        await client.request(Request(url=server.url("/500")))
        sent = len(server.asked)
        with pytest.raises(CircuitOpen) as caught:
            await client.request(Request(url=server.url()))
        assert (len(server.asked), caught.value.code, caught.value.origin) == (sent, "circuit-open", origin)
        clock.now += 30
        assert (await client.request(Request(url=server.url()))).status == 200
        assert client.circuits() == {}


async def test_a_call_that_takes_too_long_counts_and_a_cancelled_one_does_not(clock: Clock) -> None:
    async def silent(asked: Asked) -> None:
        await anyio.sleep_forever()

    options = ClientOptions(guard=Guard(allow_loopback=True))
    async with serving(silent) as server, Client(options, clock=clock) as client:
        with anyio.move_on_after(0.05):
            await client.request(Request(url=server.url()))
        assert client.circuits() == {}
        with pytest.raises(TimedOut):
            await client.request(Request(url=server.url(), timeouts=Timeouts(total=0.05)))
        assert client.circuits()[server.url("")].failures == 1


async def test_refusals_do_not_count(clock: Clock) -> None:
    options = ClientOptions(breaker=BreakerOptions(failures=1))

    async def inner(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    async with Client(options, clock=clock, resolver=inner) as client:
        for _ in range(3):
            with pytest.raises(AddressRefused):
                await client.request(Request(url="http://a.example/"))
        assert client.circuits() == {}
