"""Cases: a story, a law, and what the law says of the story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sttkit.laws import Verdict, judge, law
from sttkit.laws.model import Judgement, Run


@dataclass(frozen=True)
class Case:
    """A story and what one law says of it."""

    law: str
    verdict: Verdict
    tell: Callable[[], Run]

    def __str__(self) -> str:
        return f"{self.law}-{self.verdict.value}-{self.tell.__name__}"

    def check(self) -> None:
        judgement = judged(self.law, self.tell())
        assert judgement.verdict is self.verdict, judgement
        if self.verdict in (Verdict.FAIL, Verdict.WARN):
            assert judgement.expected
            assert judgement.observed
        elif self.verdict is not Verdict.PASS:
            assert judgement.reason


class Cases(list[Case]):
    """The cases of one test module."""

    def passes(self, *laws: str) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
        """The story obeys these laws, and shows that it does."""
        return self._add(Verdict.PASS, laws)

    def fails(self, *laws: str) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
        """The story breaks these laws."""
        return self._add(Verdict.FAIL, laws)

    def warns(self, *laws: str) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
        """The story breaks what should be."""
        return self._add(Verdict.WARN, laws)

    def skips(self, *laws: str) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
        """The situation that the laws speak of does not arise."""
        return self._add(Verdict.NOT_EXERCISED, laws)

    def exempts(self, *laws: str) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
        """The laws cannot be asked."""
        return self._add(Verdict.NOT_APPLICABLE, laws)

    def doubts(self, *laws: str) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
        """The story does not tell enough."""
        return self._add(Verdict.INCONCLUSIVE, laws)

    def _add(
        self, verdict: Verdict, laws: tuple[str, ...]
    ) -> Callable[[Callable[[], Run]], Callable[[], Run]]:
        def add(tell: Callable[[], Run]) -> Callable[[], Run]:
            self.extend(Case(law, verdict, tell) for law in laws)
            return tell

        return add


def judged(law_id: str, run: Run) -> Judgement:
    """What one law says of a run."""
    return judge(run, [law(law_id)])[law_id]
