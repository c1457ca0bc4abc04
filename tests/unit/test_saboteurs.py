"""Rule 3: every check has a saboteur."""

from __future__ import annotations

import rollproof.checks
from rollproof.checks import all_checks
from tests.sabotage.plugin import covering, hook_named, read_saboteurs

assert rollproof.checks


def test_every_check_has_a_saboteur_that_makes_it_say_refuted() -> None:
    refuted = {check for saboteur in read_saboteurs() for check in saboteur.refutes}
    assert set(all_checks()) - refuted == set()


def test_no_saboteur_expects_a_check_that_does_not_exist() -> None:
    refuted = {check for saboteur in read_saboteurs() for check in saboteur.refutes}
    assert refuted - set(all_checks()) == set()


def test_saboteurs_have_names_of_their_own_and_hooks_that_exist() -> None:
    saboteurs = read_saboteurs()
    names = [saboteur.name for saboteur in saboteurs]
    assert len(names) == len(set(names))
    assert all(callable(hook_named(saboteur.hook)) for saboteur in saboteurs if saboteur.hook)


def test_the_covering_few_refute_every_check_that_all_of_them_do() -> None:
    every = read_saboteurs()
    few = covering(every)
    assert {check for one in few for check in one.refutes} == {
        check for one in every for check in one.refutes
    }
    assert len(few) < len(every)
