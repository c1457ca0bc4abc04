"""Every drill supports controls that there are, and no run claims more than it has drilled."""

from __future__ import annotations

import re

import pytest
from standing_support import claim

from rollproof.errors import SystemFileError
from rollproof.evidence.standing.claims import Claim
from rollproof.evidence.standing.controls import (
    Controls,
    Support,
    by_framework,
    controls_from,
    coverage,
    shipped_controls,
)
from rollproof.evidence.standing.controlsfile import known_drills, read_controls
from rollproof.features_folder import shipped_features
from rollproof.model.verdict import Outcome

OWN = """
[frameworks.house]
title = "House rules"
controls = { "H-1" = "Every release has a way back" }

[[drill]]
title = "Ours"
features = ["migration"]
tags = ["restore"]
checks = ["rows-unchanged"]
supports = { house = ["H-1"], soc2 = ["CC8.1"] }
"""


def shipped() -> list[tuple[str, tuple[str, ...], str]]:
    """Feature, tags and name of every scenario that ships."""
    found = []
    for path in shipped_features():
        whole: tuple[str, ...] = ()
        tags: tuple[str, ...] = ()
        for line in path.read_text(encoding="utf-8").splitlines():
            text = line.strip()
            if text.startswith("@"):
                tags = tuple(re.findall(r"@(\S+)", text))
            elif text.startswith("Feature:"):
                whole, tags = tags, ()
            elif scenario := re.match(r"Scenario(?: Outline)?:\s*(.+)", text):
                found.append((path.stem, whole + tags, scenario[1]))
                tags = ()
    return found


def of(feature: str, tags: tuple[str, ...], outcome: Outcome = Outcome.PROVEN) -> Claim:
    from dataclasses import replace

    one = claim("x", outcome, tags=tags)
    return replace(one, place=replace(one.place, scenario=f"{feature}.feature::x"))


def supported(
    claims: list[Claim], *, retested: bool = False, controls: Controls | None = None
) -> dict[str, Support]:
    found = coverage(controls or shipped_controls(), claims, retested=retested)
    return {f"{one.framework} {one.control}": one for one in found if one.outcome is not None}


def test_every_shipped_scenario_supports_a_control_or_is_listed_as_supporting_none():
    none = {feature for feature, _ in shipped_controls().none}
    scenarios = shipped()
    assert len(scenarios) > 70
    for feature, tags, name in scenarios:
        rules = [rule for rule in shipped_controls().rules if rule.means(of(feature, tags))]
        assert bool(rules) is (feature not in none), f"{feature}: {name}"


def test_every_framework_is_there_and_every_control_is_supported_by_some_drill():
    controls = shipped_controls()
    assert set(controls.frameworks) == set(
        "soc2 iso27001 nist80053 csf pcidss hipaa dora rts1774 nis2 lgpd aws".split()
    )
    named = {(name, one) for rule in controls.rules for name, ids in rule.supports for one in ids}
    assert named == {(one.id, control) for one in controls.frameworks.values() for control in one.controls}


def test_every_text_is_there_in_both_languages_and_none_says_compliant():
    for framework in shipped_controls().frameworks.values():
        for texts in framework.controls.values():
            assert len(texts) == 2
            assert not re.search(r"(?i)complian|conform", " ".join(texts))


def test_names_in_the_shipped_map_are_names_of_drills():
    known = known_drills()
    for rule in shipped_controls().rules:
        assert set(rule.features) <= known.features
        assert set(rule.tags) <= known.tags | {"guide"}


def test_what_was_not_drilled_is_not_exercised():
    found = supported([of("deploy", ("stack",))])
    assert "soc2 CC7.4" in found
    assert "soc2 A1.2" not in found
    assert supported([]) == {}


def test_one_refuted_drill_refutes_what_others_support():
    found = supported([of("code", ()), of("git", (), Outcome.REFUTED)])
    assert found["soc2 CC8.1"].outcome is Outcome.REFUTED
    assert (
        supported([of("code", ()), of("git", (), Outcome.UNKNOWN)])["soc2 CC8.1"].outcome is Outcome.UNKNOWN
    )


def test_a_retest_supports_what_is_about_mending():
    assert set(supported([], retested=True)) == {
        "soc2 CC4.2",
        "nist80053 CP-4",
        "nist80053 CA-5",
        "csf ID.IM-02",
        "dora 24(5)",
        "lgpd 50 §2 II",
    }


def test_only_drills_that_were_exercised_are_named_as_evidence():
    titles = supported([of("deploy", ())])["soc2 CC8.1"].drills
    assert [title[0] for title in titles] == ["A deploy fails and is aborted"]


def test_coverage_counts_every_control_once():
    controls = shipped_controls()
    for one in by_framework(controls, coverage(controls, [of("code", ())], retested=False)):
        assert one.total == len(one.framework.controls)


def test_a_projects_own_map_is_added(tmp_path):
    path = tmp_path / "controls.toml"
    path.write_text(OWN, encoding="utf-8")
    own = controls_from(read_controls(path).to_json())
    from dataclasses import replace

    drill = replace(of("migration", ("restore",)), checks=(("rows-unchanged", Outcome.PROVEN),))
    found = supported([drill], controls=shipped_controls().with_own(own))
    assert found["house H-1"].text == ("Every release has a way back",)
    assert "house H-1" not in supported(
        [of("migration", ("down",))], controls=shipped_controls().with_own(own)
    )


def test_names_of_own_features_and_tags_are_known(tmp_path):
    (tmp_path / "ours.feature").write_text("@ours\nFeature: F\n  Scenario: S\n", encoding="utf-8")
    path = tmp_path / "controls.toml"
    path.write_text(
        '[[drill]]\ntitle = "t"\nfeatures = ["ours"]\ntags = ["ours"]\nscenarios = ["S"]\n'
        'supports = { soc2 = ["CC8.1"] }\n',
        encoding="utf-8",
    )
    assert read_controls(path, [tmp_path]).rules[0].scenarios == ("S",)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('["migration"]', '["migratoin"]', "there is no feature 'migratoin'; did you mean 'migration'"),
        ('["restore"]', '["restroe"]', "there is no tag 'restroe'; did you mean 'restore'"),
        ('["rows-unchanged"]', '["rows-same"]', "there is no check 'rows-same'"),
        ("house = [", "houze = [", "there is no framework 'houze'; did you mean 'house'"),
        ('soc2 = ["CC8.1"]', 'soc2 = ["CC8.9"]', "soc2 has no control 'CC8.9'; did you mean 'CC8.1'"),
        ('title = "Ours"', 'titel = "Ours"', "titel"),
    ],
)
def test_a_name_that_is_not_there_is_one_error_with_its_line(tmp_path, right, wrong, message):
    path = tmp_path / "controls.toml"
    path.write_text(OWN.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(SystemFileError, match=re.escape(message)) as error:
        read_controls(path)
    assert re.search(r"controls.toml:\d+: ", str(error.value))
