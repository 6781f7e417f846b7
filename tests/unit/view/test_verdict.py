"""The verdict in a report: first, in words, and nothing where none was asked for."""

import json
from types import SimpleNamespace

import pytest

from marrow_niche.analysis import shares
from marrow_niche.studies.verdict import weighed
from marrow_niche.view import verdict


@pytest.fixture
def run(tmp_path):
    return SimpleNamespace(directory=tmp_path)


def test_there_is_no_section_without_a_verdict(run):
    assert verdict.section(run) == []


def test_the_section_tells_verdict_shares_and_arms(run):
    seeds = [{arm: [30.0 + k - 20.0 * ("niche" in arm), 5.0, 0.0] for arm in shares.arms()} for k in (0.0, 0.2, 0.4)]
    found = weighed(seeds, numbers=[1, 2, 3], injury_day=0.0, fork_day=1.0, last_day=60.0)
    (run.directory / "verdict.json").write_text(json.dumps(found))
    parts = verdict.section(run)
    assert "What limits recovery" in parts[0]
    assert "niche-limited" in parts[1]
    text = "".join(parts)
    assert "<td>niche</td><td>20</td>" in text
    assert "nothing (the run)" in text
    assert "<td>what is left: transit</td><td>10.2</td>" in text
    assert "<td>to recovery, in all</td><td>30.2</td>" in text
    assert text.count("<tr>") == 1 + 5 + 1 + 8
    assert found["words_of_shares"].startswith("Shares of the delay in days: the niche 20.")
    assert "Shares of the delay" not in text and "Shares of the delay" not in " ".join(found["words"])


def test_a_damaged_verdict_is_told_and_does_not_stop_the_report(run):
    (run.directory / "verdict.json").write_text('{"words": []')
    assert "cannot be read" in verdict.section(run)[0]
