"""Every page of the site in a real browser: what it says, its width, its contrast, its formulas."""

import io

import numpy as np
import pytest

BACKPROPAGATION = "the_lecture/plot_08_backpropagation.html"


def those(seen, what):
    """Return the pages of which something is said, and what."""
    return {page: found[what] for page, found in seen.items() if found[what]}


def test_every_page_opens_without_a_word_on_the_console(seen):
    assert len(seen) > 100
    assert those(seen, "console") == {}


def test_nothing_is_wider_than_a_phone_but_code_tables_and_formulas_that_scroll(seen):
    assert those(seen, "layout") == {}


def test_pictures_are_large_enough_on_a_phone_for_their_letters(seen):
    assert those(seen, "pictures") == {}


@pytest.mark.parametrize("scheme", ["contrast", "dark"])
def test_text_stands_out_from_what_lies_behind_it(seen, scheme):
    assert those(seen, scheme) == {}


@pytest.mark.parametrize("page", ["index.html", BACKPROPAGATION, "api/generated/fastmlp.MLP.html"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_desk_has_sidebars_whose_text_stands_out_too(window, page, dark):
    window.screen(1280, dark=dark)
    assert window.open(page) == []
    found = window.look("layout", "contrast")
    assert found["layout"] == found["contrast"] == []
    assert found["texts"] > 15


def test_bars_lie_above_their_letters_and_equations_meet_at_their_sign(seen):
    assert sum(found["bars"] for found in seen.values()) > 30
    assert sum(found["aligned"] for found in seen.values()) > 1
    assert those(seen, "formulas") == {}


@pytest.mark.parametrize("scale", [1, 2])
def test_bars_are_drawn_with_air_between_them_and_their_letters(window, scale):
    image = pytest.importorskip("matplotlib.image")
    window.screen(1280, scale)
    window.open(BACKPROPAGATION)
    # Letters that have no dot and no gap of their own.
    drawn = window.driver.find_elements("css selector", "div.math mover")
    drawn = [over for over in drawn if over.text and over.text[0] in "zwyvhL𝑧𝑤𝑦𝑣ℎ𝐿"][:12]
    assert len(drawn) == 12
    for over in drawn:
        pixels = image.imread(io.BytesIO(window.picture(over)))[..., :3].min(axis=2)
        ink = (pixels < 0.75).any(axis=1)
        begins = np.flatnonzero(np.diff(np.r_[False, ink].astype(int)) == 1)
        assert len(begins) == 2, f"{over.text} at {scale}×: ink begins at rows {begins}"


def test_every_mistake_of_a_spoilt_page_is_found_and_nothing_else(spoilt):
    word, missing = sorted(spoilt["console"], key=lambda text: "missing.png" in text)
    assert word.endswith('"a word on the console"')
    assert "404" in missing
    assert [text.partition(" reaches")[0] for text in spoilt["layout"]] == [
        "the page is 501 px wide on a screen of 390 px",
        'p.wide "too wide"',
        'p.wide "scrolls, but is no code"',
    ]
    assert spoilt["pictures"] == ["wide.svg is shown at 0.33 of its size"]
    assert [text.partition('" has')[0] for text in spoilt["contrast"]] == [
        'p.faint "faint',
        'p.clear "half transparent',
        'p.box "dark on a dark box',
    ]
    assert 'p "readable in light only" has 1.' in spoilt["dark"][0]
    bar, macron, aligned = spoilt["formulas"]
    assert bar == 'the bar of mover "z‾" lies in its letter'
    assert macron == 'the bar of mover "vˉ" is a macron'
    assert aligned.startswith('"=" of mtable.ams-align "b')
