"""The report of boundaries: counts and curves as fitted, entanglement before and after decorrelation."""

import json
from dataclasses import replace

import numpy as np
from typer.testing import CliRunner

from facsmith.__main__ import app
from facsmith.boundary import BoundarySet
from facsmith.facs import DISFA
from facsmith.lab.fit import fit_boundaries
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.fit.report import boundaries_report, boundaries_tables

SHOWN = {"people": 5, "asked": [0.5, 1.0], "share_of_muscles": [0.5, 1.1], "band": [[0.4, 0.6], [0.9, 1.2]]}


def tied_codes() -> LabelledCodes:
    """50 people in 8 expressions; AU12 comes with AU6 four times of five."""
    random = np.random.default_rng(0)
    people = np.repeat(np.arange(50), 8)
    shown = random.random((len(people), 12)) < 0.4
    tied = random.random(len(people)) < 0.8
    shown[tied, DISFA.index(12)] = shown[tied, DISFA.index(6)]
    labels = shown * random.uniform(0.2, 1, shown.shape)
    labels[::8] = 0
    frame = np.linalg.qr(random.standard_normal((48, 48)))[0]
    codes = random.standard_normal((50, 20))[people] @ frame[12:32] + 2 * labels @ frame[:12]
    codes += 0.02 * random.standard_normal(codes.shape)
    return LabelledCodes(codes.reshape(-1, 2, 24).astype(np.float32), labels, people)


def test_decorrelation_is_told_before_and_after_with_counts_and_curves():
    codes = tied_codes()
    fitted = fit_boundaries(codes.ws, codes.au, groups=codes.people, generator_id="tiny")
    first = replace(fitted.boundaries[0], report={**fitted.boundaries[0].report, "shown": SHOWN})
    report = boundaries_report(BoundarySet((first, *fitted.boundaries[1:]), "tiny"), codes=codes)
    six, twelve = DISFA.index(6), DISFA.index(12)
    assert report.svm is not None
    assert report.svm[six, twelve] > report.normals[six, twelve] + 0.1  # the SVM takes over what happens together
    np.testing.assert_allclose(report.edits, np.eye(12), atol=1e-3)
    row = report.rows[0]
    assert row.accuracy is not None
    assert 0.5 <= row.accuracy <= 1
    assert row.people == 12
    assert row.curve == ((0.5, 0.5, 0.4, 0.6), (1.0, 1.1, 0.9, 1.2))
    assert report.rows[1].curve == ()
    told = json.loads(json.dumps(report.to_json()))
    assert np.shape(told["cosines"]["svm"]) == (12, 12)
    assert told["mean_cosine"]["edits"] < 0.01
    assert len(list(boundaries_tables(report))) == 4


def test_the_command_reports_the_bundled_boundaries():
    done = CliRunner().invoke(app, ["evaluate", "boundaries", "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert [row["au"] for row in told["aus"]] == list(DISFA)
    assert all(len(row["curve"]) == 4 and row["people"] > 0 for row in told["aus"])
    assert told["cosines"]["svm"] is None
