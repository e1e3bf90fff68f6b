"""Every link of the site that stays on the site: there is a file, and in it the place."""

import posixpath
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

ADDRESSES = ("href", "src", "action", "data", "poster")


class Page(HTMLParser):
    """The addresses that a page names, and the places that can be named in it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.addresses, self.places, self.lost = set(), set(), 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        # What a Markdown page links to and Sphinx did not find is left as text with this class.
        self.lost += ("class", "xref myst") in attributes
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.places.add(value)
            elif name in ADDRESSES and value:
                self.addresses.add(value)
            elif name == "srcset" and value:
                self.addresses |= {part.split()[0] for part in value.split(",") if part.split()}


@pytest.fixture(scope="module")
def read(site, pages):
    return {page: Page((site / page).read_text(encoding="utf-8")) for page in pages}


def broken(site, read):
    """Return the links that lead nowhere, by page."""
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    found = {}
    for page, parsed in read.items():
        for address in sorted(parsed.addresses):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = posixpath.normpath(posixpath.join(page, "..", unquote(parts.path)))
            target = page if not parts.path else target
            if target not in files:
                target = posixpath.normpath(f"{target}/index.html")
            place = unquote(parts.fragment)
            if target not in files or (
                place and target in read and place not in read[target].places
            ):
                found.setdefault(page, []).append(address)
    return found


def test_links_within_the_site_hold(site, read):
    assert sum(len(page.addresses) for page in read.values()) > 1000
    assert broken(site, read) == {}
    assert {page: parsed.lost for page, parsed in read.items() if parsed.lost} == {}


def test_links_to_other_sites_are_encrypted(read):
    schemes = {urlsplit(a).scheme for page in read.values() for a in page.addresses}
    assert schemes <= {"", "https", "data", "mailto"}


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    text = '<a href="b.html#there"></a><a href="b.html#gone"></a><a href="#x"></a><img src="c.png">'
    (tmp_path / "b.html").write_text('<p id="there">', encoding="utf-8")
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    pages = {p.name: Page(p.read_text(encoding="utf-8")) for p in tmp_path.iterdir()}
    assert broken(tmp_path.resolve(), pages) == {"a.html": ["#x", "b.html#gone", "c.png"]}
