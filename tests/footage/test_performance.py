"""A new performance on a film: what the face shows goes, what is asked comes."""

import numpy as np
import pytest

from facsmith.cli._film_performance import refuse_beside_film
from facsmith.errors import ActionUnitError, InputError
from facsmith.facs import AUS, DISFA, EYE_AUS
from facsmith.footage import FilmChange, performance_of
from facsmith.options import AnimateOptions

OPTIONS = AnimateOptions(onset=0.5, apex=1.0, offset=0.5)


def test_the_face_s_own_expression_goes_and_the_asked_one_comes_and_goes():
    seconds = np.linspace(0, 4, 41)
    shown = np.zeros((41, len(AUS)))
    shown[:, [AUS.index(au) for au in DISFA]] = 0.4
    change = performance_of("AU12=D", OPTIONS)
    target = shown[:, None] + change.of(shown, seconds, last=4.0)
    smile = target[:, :, AUS.index(12)]
    others = np.delete(target, AUS.index(12), axis=2)
    assert np.abs(others).max() < 1e-9, "everything else rests, in every frame"
    assert smile[0].max() < 1e-9 and smile[10].min() == pytest.approx(0.8), "it comes from rest"
    assert np.abs(smile[21:]).max() < 1e-6, "and stays at rest once it is over"


def test_sides_and_eyes_as_on_photos():
    change = performance_of("R12=C,L45=1", OPTIONS)
    moved = change.of(np.zeros((1, len(AUS))), np.array([1.0]), last=4.0)[0]
    assert moved[1, AUS.index(12)] == pytest.approx(0.6) and moved[0, AUS.index(12)] == 0
    assert moved[0, AUS.index(45)] == 1 and moved[1, [AUS.index(au) for au in EYE_AUS]].max() == 0
    assert change.read_aus == () and change.to_json()["performance"] == ["AU12", "AU45"]


def test_what_films_do_not_have_is_said():
    with pytest.raises(InputError, match="Mode paste"):
        performance_of("happiness", AnimateOptions(mode="paste"))
    with pytest.raises(InputError, match="facsmith edit FILM --relative"):
        performance_of("happiness", AnimateOptions(edit="relative"))
    with pytest.raises(InputError, match="begins and ends at rest"):
        performance_of("happiness", AnimateOptions(loop=True))
    with pytest.raises(ActionUnitError, match="all that a face shows"):
        FilmChange(performance=performance_of("happiness", OPTIONS).performance, relative={("L", 12): 0.5})
    with pytest.raises(InputError, match="not both"):
        refuse_beside_film(photo="her.jpg", latent=None)
    with pytest.raises(InputError, match="--latent is of photos"):
        refuse_beside_film(photo=None, latent="her.safetensors")
