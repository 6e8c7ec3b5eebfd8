"""The kit judged: the reference plugin with one thing spoilt at a time, and what the laws say.

A law that is never broken proves nothing, and neither does a plan that overlooks a plugin without
its recovery code. So mutants of the reference plugin are made, as source text, and the default plan
is played to each until a *must* law is broken:

* `operators`: one mutant for each `except`, `finally`, `await`, `if` and so on, by syntax alone;
* `by_hand/`: at least one for every *must* law, with the law and the case that should catch it;
* `plugin`: loads a mutant beside the installed plugin, and sees which mutants a case can concern;
* `judging`: plays cases to mutants, in worker processes;
* `survivors`: those that no case catches, each with the reason (`survivors.yaml`).

``make mutants`` runs them all; `test_mutants.py` a sample.
"""
