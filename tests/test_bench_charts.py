"""The charts of the benchmarks: drawn from the page's tables, and readable on either ground."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))
pytest.importorskip("bench", reason="bench/ is not part of an installation")

from bench import bars, charts  # noqa: E402

PAGE = ROOT / "docs" / "benchmarks.md"
TEXT = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""


@pytest.mark.parametrize("name", charts.CHARTS)
def test_a_chart_is_what_the_page_says_today(name):
    drawn = bars.svg(charts.CHARTS[name](TEXT))
    stored = (PAGE.parent / "images" / f"{name}.svg").read_text(encoding="utf-8")
    assert stored == drawn, "draw it anew: python -m bench.charts docs/benchmarks.md"
    ElementTree.fromstring(drawn)


@pytest.mark.parametrize("name", charts.CHARTS)
def test_every_ratio_of_a_chart_stands_in_a_table(name):
    found = [bar for group in charts.CHARTS[name](TEXT).groups for bar in group.bars]
    assert len(found) > 8
    for bar in found:
        assert bar.written in TEXT.replace(" ×", "×"), bar
        assert bar.value == charts.number(bar.written)
        # Times are rounded to three figures, ratios are of those that were measured.
        assert 0.97 * bar.low <= bar.value <= 1.03 * bar.high


@pytest.mark.parametrize("name", set(charts.CHARTS) - {"speed"})
def test_the_page_shows_its_charts(name):
    assert f"](images/{name}.svg)" in TEXT


def test_the_fastest_way_of_each_contender_is_drawn_with_the_range_of_both():
    group = charts.prediction(TEXT).groups[0]
    assert [bar.label for bar in group.bars] == list(bars.COLOURS)
    torch = next(bar for bar in group.bars if bar.label == "PyTorch")
    assert (torch.written, torch.said) == ("38.1×", "13.3 µs")  # traced, not compiled: 96.8×
    assert (torch.low, torch.high) == (13.2 / 0.36, 13.4 / 0.34)


def test_charts_are_drawn_beside_their_page(tmp_path, capsys):
    (tmp_path / "images").mkdir()
    page = tmp_path / "page.md"
    page.write_text(TEXT.replace("(3.19×)", "(3.33×)"), encoding="utf-8")
    charts.main([str(page)])
    assert capsys.readouterr().out.count(".svg") == len(charts.CHARTS)
    assert ">3.33×<" in (tmp_path / "images" / "speed.svg").read_text(encoding="utf-8")


def test_a_page_without_a_place_is_refused():
    with pytest.raises(ValueError, match="there is no place for predict"):
        charts.tables("nothing here", "predict")


def test_ratios_lie_where_they_belong_on_either_axis():
    bar = bars.Bar("a", 10.0, "10×", 9.0, 11.0, "#123456", "")
    chart = bars.Chart("t", "n", (bars.Group("g", "", (bar,)),))
    assert chart.ticks == [1, 2, 5, 10, 20]
    assert chart.place(1) == chart.left
    assert chart.place(20) == bars.RIGHT
    middle = chart.left + (bars.RIGHT - chart.left) * np.log(2) / np.log(20)
    assert chart.place(2) == pytest.approx(middle)
    plain = bars.Chart("t", "n", chart.groups, logarithmic=False)
    assert plain.ticks[-1] == 11
    assert plain.place(5.5) == pytest.approx((plain.left + bars.RIGHT) / 2)


@pytest.mark.parametrize("ground", [bars.LIGHT, bars.DARK], ids=["light", "dark"])
def test_text_and_bars_stand_out_from_the_ground(ground):
    def luminance(colour):
        c = np.array([int(part, 16) for part in re.findall("[0-9a-f]{2}", colour.lower())]) / 255
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [
            0.2126,
            0.7152,
            0.0722,
        ]

    def contrast(a, b):
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    behind, ink, quiet, _ = ground
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert min(contrast(ink, behind), contrast(quiet, behind)) > 4.5
    for colour in bars.COLOURS.values():
        assert contrast(colour, behind) > 3
