"""HDR pictures as ordinary screens show them."""

import av
import numpy as np
import pytest

from facsmith.video import FilmFrame, planes_with
from facsmith.video._footage import _planes, _rgb
from facsmith.video._tone import hdr_codes, shown

SDR_WHITE = {"PQ": 0.5807, "HLG": 0.75}  # codes of 203 cd/m2 (BT.2408), HLG by its own figure


@pytest.mark.parametrize("hdr", ["PQ", "HLG"])
def test_skin_is_as_bright_as_on_ordinary_screens_and_highlights_stay_apart(hdr):
    white = int(shown(np.array(round(65535 * SDR_WHITE[hdr]), np.uint16), hdr))
    assert 170 < white < 215
    ramp = shown(np.linspace(0, 65535, 256).astype(np.uint16), hdr).astype(int)
    assert ramp[0] == 0 and ramp[-1] == 255 and (np.diff(ramp) >= 0).all()
    assert len(set(ramp[ramp > white])) > 30, "what is brighter than white is not burnt out"


@pytest.mark.parametrize("hdr", ["PQ", "HLG"])
def test_it_can_be_undone(hdr):
    pixels = np.arange(256, dtype=np.uint8)
    assert np.abs(shown(hdr_codes(pixels, hdr), hdr).astype(int) - pixels).max() == 0


@pytest.mark.parametrize("hdr", ["PQ", "HLG"])
def test_what_is_edited_looks_as_edited_and_everything_else_keeps_its_ten_bits(hdr):
    y, x = np.mgrid[:48, :64]
    codes = (np.stack([30000 - 200 * x, 24000 + 100 * y, 20000 + 50 * (x + y)], 2)).astype(np.uint16)
    picture = av.VideoFrame.from_ndarray(codes, format="rgb48le").reformat(format="yuv420p10le", dst_colorspace=9)
    frame = FilmFrame(0, 0, 0.0, _rgb(picture, hdr), picture, hdr)
    assert planes_with(frame, frame.pixels.copy()) is picture
    edited = frame.pixels.copy()
    edited[10:20, 20:40] = edited[12:22, 24:44]
    merged = planes_with(frame, edited)
    assert np.abs(_rgb(merged, hdr).astype(int) - edited).max() <= 8
    for own, new, step in zip(_planes(picture), _planes(merged), (1, 2, 2), strict=True):
        outside = np.ones(own.shape, np.bool_)
        outside[10 // step : 20 // step, 20 // step : 40 // step] = False
        assert (own == new)[outside].all() and own.dtype == np.uint16
