"""What the site says works: its Python runs, its table is whole, no public name is left out."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import fastmlp as fm

DOCS = Path(__file__).resolve().parent.parent / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the docs are not part of an sdist")


def blocks(page):
    """Return the page's Python, but for that of other packages, which says so in its first line."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block for block in found if not block.startswith(("# Keras\n", "# PyTorch\n"))]


def run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    names = {"__name__": "page"}
    for block in blocks(page):
        exec(compile(block, page, "exec"), names)
    plt.close("all")
    return names


def test_the_index_runs(tmp_path, monkeypatch):
    names = run("index.md", tmp_path, monkeypatch)
    accuracy = names["model"].evaluate(names["data"].X_test, names["data"].t_test)["accuracy"]
    (promised,) = re.findall(r"'accuracy': (0\.\d\d)…", "".join(blocks("index.md")))
    assert accuracy == pytest.approx(float(promised) + 0.005, abs=0.01)


def test_the_tutorial_runs_and_what_it_promises_comes(tmp_path, monkeypatch, capsys):
    names = run("tutorial.md", tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert said.count("[0. 1. 1. 0.]") == 2
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    (printed,) = re.findall(r"^```text\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert set(printed.splitlines()) <= set(said.splitlines())
    assert float(re.search(r"'accuracy': ([\d.]+)", said)[1]) == pytest.approx(0.975, abs=0.015)
    # L = ½(σ(z) − t)² at z = 0.5 · 1.5 + 0.1
    z_bar = names["value"].item()
    y = 1 / (1 + 2.718281828459045**-0.85)
    assert z_bar == pytest.approx((y - 1) * y * (1 - y), rel=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_guide_from_scikit_learn_runs(tmp_path, monkeypatch, capsys):
    names = run("guides/from_sklearn.md", tmp_path, monkeypatch)
    (promised,) = re.findall(r"# (0\.\d+)…", "".join(blocks("guides/from_sklearn.md")))
    assert capsys.readouterr().out.startswith(promised)
    assert names["clf"].best_validation_score_ > 0.95
    assert names["features"].shape[1] == 64


def test_the_guide_from_xgboost_runs_and_what_it_promises_comes(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas")
    names = run("guides/from_xgboost.md", tmp_path, monkeypatch)
    right, held_out = re.findall(r"0\.\d+|1\.0+", capsys.readouterr().out)
    assert float(right) > 0.92 < float(held_out)
    kinds = {column.name: column.kind for column in names["clf"].preprocessing_.columns}
    assert kinds["size"] == "category"


def test_the_guide_to_tables_in_python_runs_and_what_it_promises_comes(
    tmp_path, monkeypatch, capsys
):
    pytest.importorskip("pandas")
    names = run("guides/data_frames.md", tmp_path, monkeypatch)
    score, share, same = (line.split()[0] for line in capsys.readouterr().out.splitlines())
    assert float(score) > 0.9
    assert 0.68 < float(share) < 0.92
    assert same == "True"
    kinds = {column.name: column.kind for column in names["clf"].preprocessing_.columns}
    assert (kinds["strength"], kinds["tasted"]) == ("category", "date")


def test_the_guide_to_data_larger_than_memory_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pyarrow")
    names = run("guides/streams.md", tmp_path, monkeypatch)
    said = capsys.readouterr().out.split("\n")
    assert float(said[0].split()[0]) > 0.9
    assert said[0].endswith("True")
    assert said[1].startswith("<Parquet: 1 file, 5,000 rows, 3 columns, batches of 64>")
    assert names["history"].epochs == 1


def test_the_guide_to_small_networks_solves_its_equations(tmp_path, monkeypatch):
    pytest.importorskip("scipy")
    names = run("guides/small_networks.md", tmp_path, monkeypatch)
    assert names["error_of_decay"] < 2e-3
    assert names["error_of_wave"] < 0.05
    assert abs(names["both"].view(names["k"]).item() - 1.7) < 0.01
    assert names["error_of_data"] < 2e-3
    np.testing.assert_allclose(np.sort(names["means"]), [0.23, 0.5, 0.77], atol=0.05)
    X = np.random.default_rng(1).normal(size=(500, 4))
    assert ((names["policy"].predict(X).argmax(axis=1) == 1) == (X[:, 0] > 0)).mean() > 0.9


def test_the_guide_to_performance_runs_and_threads_change_no_bit(tmp_path, monkeypatch, capsys):
    before = fm.get_num_threads()
    try:
        names = run("guides/performance.md", tmp_path, monkeypatch)
    finally:
        fm.set_num_threads(before)
    one, two = names["weights"]
    np.testing.assert_array_equal(one, two)
    assert re.search(r"[\d.]+ µs a row", capsys.readouterr().out)


def test_each_guide_with_code_is_run_here():
    tests = Path(__file__).read_text(encoding="utf-8")
    tests += (Path(__file__).parent / "estimators/test_estimators_docs.py").read_text("utf-8")
    for page in DOCS.rglob("*.md"):
        if blocks(page):
            assert page.name in tests, page.name


def test_the_guide_to_deployment_runs_and_its_c_says_what_the_model_does(
    tmp_path, monkeypatch, capsys
):
    for package in ("onnx", "onnxruntime", "skl2onnx"):
        pytest.importorskip(package)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = run("guides/deployment.md", tmp_path, monkeypatch)
    assert capsys.readouterr().out.strip() == str(names["error"])
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no compiler of C")
    text = (DOCS / "guides/deployment.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```c\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "main.c").write_text(code, encoding="utf-8")
    subprocess.run([compiler, "-std=c99", "-O2", "main.c", "-o", "main", "-lm"], check=True)
    said = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout
    y = names["model"].predict([[5.1, 3.5, 1.4, 0.2]])[0]
    np.testing.assert_allclose(np.array(said.split(), dtype=float), y, atol=6e-4)


def test_the_guide_from_pytorch_and_keras_runs(tmp_path, monkeypatch):
    names = run("guides/from_pytorch_keras.md", tmp_path, monkeypatch)
    assert names["model"].evaluate(names["X_val"], names["t_val"], loss="cross_entropy")
    assert names["model"].history.stopped
    # The gradient that the guide prints is that of the model it has trained: by differences.
    model, X, one_hot = names["model"], names["X"][:1].astype("f8"), names["one_hot"][:1]

    def loss(X):
        W1, b1, W2, b2 = (w.astype("f8") for w in model.get_weights())
        z = np.maximum(X @ W1.T + b1, 0) @ W2.T + b2
        log_y = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -((0.9 * one_hot + 0.1 / 10) * log_y).sum()

    steps = 1e-6 * np.eye(64)
    by_differences = [(loss(X + step) - loss(X - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(names["x_gradient"][0], by_differences, atol=1e-4)
    v = -(0.9 * one_hot + 0.1 / 10) / model.predict(X)
    np.testing.assert_allclose(model.gradient(X, v)[0], by_differences, atol=1e-4)
    assert names["J"].shape == (5, 10, 64)
    np.testing.assert_allclose(names["slope"], names["J"][:, 3], atol=1e-6)


def test_every_page_of_the_lecture_is_on_its_map_and_has_its_test():
    lecture = DOCS / "lecture"
    there = sorted(path.stem for path in lecture.glob("plot_*.py"))
    assert sorted({int(page[5:7]) for page in there}) == list(range(1, 13))
    tests = {path.stem for path in (Path(__file__).parent / "lecture").glob("test_*.py")}
    assert tests == {page.replace("plot", "test") for page in there}
    text = (lecture / "README.rst").read_text(encoding="utf-8")
    assert set(re.findall(r"\bplot_\d\d[a-z]?_\w+", text)) == set(there)
    headings = {
        page: re.findall(r"^# (.+)\n# -+$", (lecture / f"{page}.py").read_text("utf-8"), re.M)
        for page in there
    }
    for page, heading in re.findall(r"the_lecture/(\w+):([^`>]+)[`>]", text):
        assert heading in headings[page], (page, heading)


@pytest.fixture
def extensions(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS / "_ext"), *sys.path])


@pytest.fixture
def api_pages(extensions):
    return importlib.import_module("api_pages")


@pytest.mark.parametrize(
    ("tex", "drawn"),
    [
        (r"\bar v", "<mover><mi>v</mi>{bar}</mover>"),
        (r"\bar v_i", "<msub><mover><mi>v</mi>{bar}</mover><mi>i</mi></msub>"),
        (r"\bar y_k^2", "<msubsup><mover><mi>y</mi>{bar}</mover><mi>k</mi><mn>2</mn></msubsup>"),
        (r"\hat y_k", "<msub><mover><mi>y</mi>{hat}</mover><mi>k</mi></msub>"),
        (r"v_i^2", "<msubsup><mi>v</mi><mi>i</mi><mn>2</mn></msubsup>"),
    ],
)
def test_accents_stand_above_their_letters_and_indices_beside_them(extensions, tex, drawn):
    pytest.importorskip("sphinx")
    mathml = importlib.import_module("mathml")
    marks = {
        name: f'<mo stretchy="false">{c}</mo>' for name, c in (("bar", "\u203e"), ("hat", "\u02c6"))
    }
    made = mathml.drawn_right(mathml.tex2mathml(tex, as_block=False))
    assert drawn.format(**marks) in made


def test_pages_of_the_lecture_are_written_so_that_notebooks_show_them():
    """Of reStructuredText sphinx-gallery turns formulas and headings into Markdown, and no more."""
    unread = r":(?:func|class|meth|mod|doc):`|^#? +\.\. \w+::|^=+  =|\.\. (?:list-)?table::"
    for page in DOCS.glob("lecture/plot_*.py"):
        text = page.read_text(encoding="utf-8").replace("\n# .. ", "\n.. ")
        assert not re.search(unread, text, flags=re.MULTILINE), page


def test_formulas_have_braces_around_what_they_divide():
    """docutils reads two digits as one number: a half would be twelve over what follows."""
    pages = [*DOCS.glob("lecture/*.py"), *DOCS.glob("*.md"), *DOCS.glob("guides/*.md")]
    pages += (Path(fm.__file__).parent).rglob("*.py")
    for page in pages:
        assert not re.search(r"frac\s*\d", page.read_text(encoding="utf-8")), page


def test_no_public_name_is_left_out_of_the_api_pages(api_pages):
    pages = api_pages.pages()
    written = {name for names in pages.values() for name in names}
    objects = [api_pages.resolve(name) for name in written]
    modules = {name for name in fm.__all__ if isinstance(getattr(fm, name), ModuleType)}
    for name in fm.__all__:
        assert name in modules or name == "__version__" or f"fastmlp.{name}" in written, name
    for module in modules:
        for name in getattr(getattr(fm, module), "__all__", []):
            value = getattr(getattr(fm, module), name)
            assert any(value is known for known in objects), f"{module}.{name}"
    assert set(pages) <= set(api_pages.PAGES), "give the new page a heading in api_pages.PAGES"


@pytest.mark.parametrize("what", ["attribute", "property"])
def test_pages_do_not_read_the_sentence_of_an_attribute_as_its_type(api_pages, what):
    pytest.importorskip("sphinx")
    from sphinx.ext import napoleon

    lines = ["The learning rates: numbers or schedules."]
    config = napoleon.Config(napoleon_use_ivar=True)
    api_pages._keep_sentences(None, what, "Updates.rates", None, None, lines)
    made = str(napoleon.NumpyDocstring(lines, config, what=what))
    assert "The learning rates: numbers or schedules." in made
    assert ":type:" not in made


def test_pages_keep_the_names_of_attributes_whole(api_pages):
    pytest.importorskip("sphinx")
    from docutils import nodes
    from docutils.core import publish_doctree
    from sphinx.ext import napoleon

    docstring = ["What it is.", "", "Attributes", "----------", "coefs_, n_ : list", "    Two."]
    config = napoleon.Config(napoleon_use_ivar=True)
    lines = str(napoleon.NumpyDocstring(docstring, config, what="class")).splitlines()
    api_pages._keep_names(None, "class", "Fitted", None, None, lines)
    tree = publish_doctree("\n".join(lines))
    fields = [node.astext() for node in tree.findall(nodes.field_name)]
    assert [len(field.split()) for field in fields] == [2, 2]  # the kind, and the names as one word
    api_pages._part_names(None, tree)
    fields = [node.astext() for node in tree.findall(nodes.field_name)]
    assert fields == ["ivar coefs_, n_", "vartype coefs_, n_"]


def test_pages_name_as_bases_what_has_a_page_or_another_package(api_pages):
    known = [api_pages.resolve(name) for names in api_pages.pages().values() for name in names]
    assert api_pages._told(fm.losses.Huber.__bases__, known) == [fm.losses.Loss]
    assert api_pages._told(fm.Model.__bases__, known) == []
    names = [base.__name__ for base in api_pages._told(fm.MLPClassifier.__bases__, known)]
    assert names == ["ClassifierMixin", "TransformerMixin", "BaseEstimator"]


def test_pages_link_classes_in_types_and_no_words(api_pages):
    pytest.importorskip("sphinx")
    from docutils import nodes
    from sphinx.addnodes import pending_xref

    targets = ["columns", "Loss", "fastmlp.graph.node.Node"]
    told = [pending_xref("", nodes.Text(to), reftype="class", reftarget=to) for to in targets]
    said = pending_xref("", nodes.Text("fit"), reftype="obj", reftarget="fit")
    tree = nodes.paragraph("", "", *told, said)
    api_pages._keep_words(None, tree)
    assert [node["reftarget"] for node in tree.findall(pending_xref)] == [*targets[1:], "fit"]
    assert tree.astext() == "columnsLossfastmlp.graph.node.Nodefit"


def test_every_public_name_has_a_docstring(api_pages):
    for names in api_pages.pages().values():
        for name in names:
            value = api_pages.resolve(name)
            if callable(value):
                assert (value.__doc__ or "").strip(), name
