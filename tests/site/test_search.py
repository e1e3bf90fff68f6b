"""The site's search, in the browser and without a network."""

import pytest


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("backpropagation", "the_lecture/plot_08_backpropagation.html"),
        ("xor", "tutorial.html"),
        ("fastmlp.MLP", "api/generated/fastmlp.MLP.html"),
        ("dropout", "api/generated/fastmlp.Dropout.html"),
    ],
)
def test_search_finds_a_page(window, words, page):
    wait = pytest.importorskip("selenium.webdriver.support.wait", reason="selenium").WebDriverWait
    window.screen(1280)
    window.open("index.html")
    window.driver.find_element("css selector", "input[name=q]").send_keys(words + "\n")
    selector = f"#search-results a[href*='{page}']"
    (link, *_) = wait(window.driver, 120).until(
        lambda driver: driver.find_elements("css selector", selector)
    )
    link.click()
    assert page in window.driver.current_url


def test_search_says_so_when_it_finds_nothing(window):
    wait = pytest.importorskip("selenium.webdriver.support.wait", reason="selenium").WebDriverWait
    window.screen(390)
    window.open("search.html?q=zzyzzx")
    told = "did not match any documents"
    wait(window.driver, 120).until(lambda driver: told in driver.page_source)
    assert not window.driver.find_elements("css selector", "#search-results a")
