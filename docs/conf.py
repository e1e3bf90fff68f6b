"""How the site is built: ``sphinx-build -W --keep-going docs docs/_build``, without a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "fastmlp"
author = "the fastmlp developers"
copyright = author

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.autosectionlabel",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "api_pages",
    "command_line",
    "graph_examples",
    "lecture_style",
    "folded",
    "mathml",
]
exclude_patterns = ["_build", "lecture", "the_lecture/*.ipynb", "the_lecture/*.py"]
templates_path = ["_templates"]
default_role = "py:obj"
# numpydoc-style members of the table of contents would bury the pages themselves
toc_object_entries = False
# names that differ only in case (Add and add) have the same label
suppress_warnings = ["config.cache", "autosectionlabel.*"]

html_theme = "furo"
html_title = "fastmlp"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_theme_options = {"navigation_with_keys": True}
html_show_sourcelink = False

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

autosummary_generate = True
autosectionlabel_prefix_document = True
autosectionlabel_maxdepth = 2
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

sphinx_gallery_conf = {
    "examples_dirs": "lecture",
    "gallery_dirs": "the_lecture",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "lecture_style.reset"),
    "image_srcset": ["2x"],
    "min_reported_time": 1,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "copyfile_regex": r".*\.rst",
}
