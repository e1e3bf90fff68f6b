"""What people type out of habit: the guide's table, run row by row."""

import dataclasses
import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import initializers, losses, metrics, optimizers, plot, schedules
from fastmlp.estimators.tabular import habits
from fastmlp.models.habits import DECLINED

GUIDES = Path(__file__).parent.parent / "docs/guides"


def rows(guide):
    text = (GUIDES / guide).read_text(encoding="utf-8")
    table = text.partition("| typed | here |")[2].partition("\n\n")[0]
    found = re.findall(r"^\| `([^|]*)` \| (.*) \|$", table, flags=re.MULTILINE)
    assert len(found) == table.count("\n|") - 1 > 25
    return found


def networks():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(20, 4)), rng.normal(size=(20, 1))
    model = fm.MLP([4, 8, 1], seed=0)
    model.save("net.safetensors")
    return {"X": X, "t": t, "model": model, "weights": model.get_weights()}


def tables():
    pd = pytest.importorskip("pandas")
    from sklearn.model_selection import cross_val_score

    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=40), "kind": rng.choice(["flat", "house"], 40)})
    y = (X["size"] + (X["kind"] == "flat") > 0.5).astype(int)
    clf = fm.TabularClassifier(quality="fast", epochs=8, random_state=0).fit(X, y)
    clf.save("saved.safetensors")
    weights = np.ones(len(y))
    return {"X": X, "y": y, "clf": clf, "weights": weights, "cross_val_score": cross_val_score}


def run(code, names):
    pd = pytest.importorskip("pandas")
    exec(code, {"fm": fm, "pd": pd, **names()})


HABITS = [
    pytest.param(names, *row, id=row[0])
    for guide, names in (("from_pytorch_keras.md", networks), ("from_xgboost.md", tables))
    for row in rows(guide)
]


@pytest.mark.parametrize(("names", "typed", "here"), HABITS)
@pytest.mark.filterwarnings("ignore:the model is no better")
def test_a_habit_works_or_is_told_what_to_write(names, typed, here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if here.startswith("works"):
        run(typed, names)
        return
    with pytest.raises((TypeError, AttributeError)) as told:
        run(typed, names)
    said = r"[:;] (write|leave it out|give|it is|its layers|a layer|there)"
    assert re.search(said, str(told.value))
    if not here.startswith("nothing"):
        run(here.strip("`"), names)


@pytest.mark.parametrize("estimator", [fm.TabularClassifier, fm.TabularRegressor])
def test_habits_of_tables_are_no_arguments_of_theirs(estimator):
    made = estimator()
    assert not set(habits.ARGUMENTS) & set(made.get_params())
    assert not set(habits.OF_FIT) & set(inspect.signature(made.fit).parameters)
    for name in habits.ATTRIBUTES:
        assert not hasattr(made, name)
        assert name not in dir(made)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda m: m.fit([[0.0] * 4], [0.0], epoch=3), "did you mean 'epochs'"),
        (lambda m: m.evaluate([[0.0] * 4], [0.0], metric=[]), "did you mean 'metrics'"),
        (lambda m: fm.Dense(3, unit=4), "did you mean 'units'"),
        (lambda m: m.fit([[0.0] * 4], [0.0], foo=3), "there are: X, t, loss, loss_weights, "),
    ],
)
def test_a_misspelt_argument_is_told_its_name(wrong, message):
    with pytest.raises(TypeError, match=message):
        wrong(fm.MLP([4, 1], seed=0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: fm.layers.Densee, "no attribute 'Densee'; did you mean 'Dense'"),
        (lambda: fm.losses.Hubber, "no attribute 'Hubber'; did you mean 'Huber'"),
        (lambda: fm.optimizers.Adamw, "no attribute 'Adamw'; did you mean 'AdamW'"),
        (lambda: fm.metrics.AUC, r"no attribute 'AUC'; write metrics=\['auc'\]"),
        (lambda: fm.callbacks.EarlyStoping, "did you mean 'EarlyStopping'"),
        (lambda: fm.schedules.Cosinedecay, "did you mean 'CosineDecay'"),
        (lambda: fm.layers.__wrapped__, "no attribute '__wrapped__'$"),
        (lambda: fm.losses.nothing_like_it, "no attribute 'nothing_like_it'$"),
        (lambda: fm.Conv2d, "there are networks of dense layers alone here"),
    ],
)
def test_names_of_modules_are_told(wrong, message):
    with pytest.raises(AttributeError, match=message):
        wrong()


@pytest.mark.parametrize("made", [fm.LayerNorm, fm.RMSNorm, fm.BatchNorm])
@pytest.mark.parametrize("columns", [64, (64,)])
def test_norms_are_not_told_their_columns(made, columns):
    with pytest.raises((ValueError, TypeError), match="leave their number out"):
        made(columns)
    with pytest.raises((ValueError, TypeError), match=r"epsilon must be [^;]*$"):
        made(epsilon=2.5)


@pytest.mark.parametrize("name", ["loss", "optimizer", "history", "dtype", "sed"])
def test_members_cannot_be_assigned_what_they_do_not_have(name):
    members = fm.Members(fm.MLP([2, 1], seed=0), 2)
    with pytest.raises(AttributeError, match=f"'{name}' of a Members cannot be assigned"):
        setattr(members, name, "adam")


def test_the_optimizer_of_a_trainer_is_checked_when_it_is_assigned():
    model = fm.MLP([4, 3, 1], seed=0)
    trainer = model.trainer()
    X, t = np.ones((2, 4)), np.ones(2)
    for wrong, message in (
        ("adm", "did you mean 'adam'"),
        (3, "optimizer must be a name in"),
        (fm.Adam, r"write Adam\(\)"),
        ("lbfgs", "LBFGS does not train step by step"),
        (fm.Adam(groups={"dense_9": {"learning_rate": 1}}), "dense_9"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            trainer.optimizer = wrong
        assert trainer.optimizer == fm.Adam()
        assert np.isfinite(trainer.step(X, t))
    trainer.optimizer = "sgd"
    assert trainer.optimizer == fm.SGD()
    trainer.step(X, t)
    assert trainer.steps == 1  # its state began anew


def test_errors_of_properties_are_their_own():
    with pytest.raises(AttributeError, match="the model has no parameters yet"):
        _ = fm.Sequential([fm.Dense(3)]).parameters
    with pytest.raises(AttributeError, match="has no weights yet"):
        _ = fm.Dense(3).weights
    with pytest.raises(AttributeError, match=r"object has no attribute 'foo'$"):
        _ = fm.MLP([2, 1]).foo


def test_a_layer_says_what_to_write_for_methods_of_keras():
    layer = fm.Dense(3)
    model = fm.Sequential([layer], input_columns=2)
    model.predict(np.zeros((1, 2)))
    for name in ("get_weights", "state_dict"):
        with pytest.raises(AttributeError, match="write weights and its like"):
            getattr(layer, name)
    with pytest.raises(AttributeError, match=r"write layer\.weights = W"):
        _ = layer.set_weights
    layer.weights = np.ones((3, 2))
    assert (model.get_weights()[0] == 1).all()


@pytest.mark.parametrize("kind", [fm.MLPClassifier, fm.MLPRegressor])
def test_an_estimator_says_what_to_write_for_attributes_it_has_not(kind):
    for name, words in (("save", "joblib.dump"), ("coef_", "coefs_"), ("history", "loss_curve_")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; write {words}"):
            getattr(kind(), name)
        assert not hasattr(kind, name)
        assert name not in dir(kind())


FROZEN = {
    **optimizers.OPTIMIZERS,
    "lbfgs": fm.LBFGS,
    **{
        name: lambda one=one: one(0.1, steps=9)
        for name, one in schedules.SCHEDULES.items()
        if {"steps", "initial"} <= set(inspect.signature(one).parameters)
    },
    "Scaled": lambda: 2 * fm.CosineDecay(0.1, steps=9),
    **{loss.name: lambda loss=loss: loss for loss in losses.LOSSES.values()},
    **{name: lambda one=one: one for name, one in initializers.INITIALIZERS.items()},
}


@pytest.mark.parametrize("make", FROZEN.values(), ids=FROZEN)
def test_what_is_frozen_says_what_to_write_instead_of_an_assignment(make):
    one = make()
    for name in [field.name for field in dataclasses.fields(one) if field.init]:
        before = getattr(one, name)
        with pytest.raises(dataclasses.FrozenInstanceError) as refused:
            setattr(one, name, 0.25)
        kind = type(one).__name__
        said = f"cannot be assigned; write dataclasses.replace({kind.lower()}, {name}=0.25)"
        assert re.search(rf"{name!r} of an? {kind} {re.escape(said)}", str(refused.value))
        assert getattr(one, name) is before
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"has no 'foo'$"):
        one.foo = 1


def test_an_optimizer_whose_rate_is_assigned_says_how_a_rate_changes():
    adam = fm.Adam(0.1)
    with pytest.raises(AttributeError, match=r"keeps the moments; within a fit .* a schedule"):
        adam.learning_rate = 0.01
    with pytest.raises(AttributeError, match="has no 'lr'; write learning_rate"):
        adam.lr = 0.01
    assert dataclasses.replace(adam, learning_rate=0.01) == fm.Adam(0.01)


def test_layers_are_added_until_the_model_is_built():
    model = fm.Sequential(seed=0)
    for layer in (fm.Input(4), fm.Dense(8, "tanh"), fm.Dense(1)):
        model.add(layer)
    twin = fm.Sequential([fm.Input(4), fm.Dense(8, "tanh"), fm.Dense(1)], seed=0)
    X = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(model.predict(X), twin.predict(X))
    with pytest.raises(ValueError, match="the model is built, its layers cannot change"):
        model.add(fm.Dense(2))
    with pytest.raises(TypeError, match=r"layers\[1\] must be a layer such as Dense\(10\), got 3"):
        fm.Sequential([fm.Dense(3)]).add(3)
    with pytest.raises(ValueError, match="one layer at least"):
        fm.Sequential().predict(X)
    with pytest.raises(ValueError, match="4 columns"):
        fm.Sequential(input_columns=4).add(fm.Dense(1)) or wide().predict(np.ones((2, 5)))


def wide():
    model = fm.Sequential(input_columns=4)
    model.add(fm.Dense(1))
    return model


MADE = {
    "MLP": lambda **how: fm.MLP([2, 1], **how),
    "Sequential": lambda **how: fm.Sequential([fm.Dense(1)], **how),
    "Model": lambda **how: fm.Model(x := fm.Input(2), fm.Dense(1)(x), **how),
    "Input": lambda **how: fm.Input(2, **how),
    "Concatenate": fm.Concatenate,
    "LayerNorm": fm.LayerNorm,
    "Adam": fm.Adam,
    "MLPClassifier": fm.MLPClassifier,
    "MLPRegressor": fm.MLPRegressor,
    "load": lambda **how: fm.load("model.safetensors", **how),
    "save": lambda **how: fm.MLP([2, 1]).save("model.safetensors", **how),
    "trainer": lambda **how: fm.MLP([2, 1]).trainer(**how),
    "model": lambda **how: fm.MLP([2, 1])([[0.0, 1.0]], **how),
    "Activation": fm.Activation,
    "BatchNorm": fm.BatchNorm,
    "Embedding": fm.Embedding,
    "concat": lambda **how: fm.concat([fm.Input(2), fm.Input(2)], **how),
    "sum": lambda **how: g.sum(g.input(2), **how),
    "softmax": lambda **how: g.softmax(g.input(2), **how),
    "concatenate": lambda **how: g.concatenate([g.input(2), g.input(2)], **how),
    "from_keras": lambda **how: fm.from_keras("model.keras", **how),
    "from_torch": lambda **how: fm.from_torch(None, **how),
    "to_torch": lambda **how: fm.to_torch(None, **how),
    "solve_output_layer": lambda **how: fm.MLP([2, 1]).solve_output_layer([[0, 1]], [1], **how),
    "least_squares": lambda **how: fm.least_squares([[0.0, 1.0]], [1.0], **how),
    "evaluate": lambda **how: fm.MLP([2, 1]).evaluate([[0.0, 1.0]], [1.0], **how),
    "fit": lambda **how: fm.MLPRegressor().fit([[1.0]], [1.0], **how),
}
ELSEWHERE = [
    *[("MLP", name) for name in ("hidden_layer_sizes", "dropout", "device", "random_state")],
    *[("Sequential", name) for name in ("input_shape", "input_dim", "name", "optimizer")],
    *[("Model", name) for name in ("input", "output", "name", "random_state")],
    *[("Input", name) for name in ("shape", "batch_shape", "dtype", "batch_size")],
    *[("Concatenate", name) for name in ("axis", "dim")],
    *[("LayerNorm", name) for name in ("axis", "normalized_shape", "eps", "device")],
    *[("Adam", name) for name in ("lr", "betas", "clipnorm")],
    *[
        (kind, name)
        for kind in ("MLPClassifier", "MLPRegressor")
        for name in ("optimizer", "epochs", "lr", "weight_decay", "seed", "n_jobs", "patience")
    ],
    *[("load", name) for name in ("custom_objects", "compile", "weights_only")],
    *[("save", name) for name in ("overwrite", "save_format", "filepath")],
    *[("trainer", name) for name in ("lr", "learning_rate", "criterion", "momentum", "clipnorm")],
    *[("model", name) for name in ("batch_size", "mask", "verbose", "samples")],
    *[("Activation", name) for name in ("alpha", "negative_slope")],
    *[("BatchNorm", name) for name in ("scale", "gamma_initializer", "moving_mean_initializer")],
    *[("Embedding", name) for name in ("mask_zero", "padding_idx", "embeddings_initializer")],
    *[("concat", name) for name in ("axis", "dim")],
    *[("sum", name) for name in ("dim", "keepdims", "keepdim")],
    *[(kind, name) for kind in ("softmax", "concatenate") for name in ("axis", "dim")],
    *[("from_keras", name) for name in ("custom_objects", "compile", "path")],
    *[("from_torch", name) for name in ("input_size", "device", "example_inputs")],
    *[("to_torch", name) for name in ("device", "dtype")],
    *[(kind, "alpha") for kind in ("solve_output_layer", "least_squares")],
    *[("evaluate", name) for name in ("device", "batch_size", "y", "steps")],
    *[("fit", name) for name in ("epochs", "validation_data", "batch_size", "optimizer")],
]


@pytest.mark.parametrize(("made", "name"), ELSEWHERE)
def test_an_argument_of_elsewhere_is_answered_with_what_to_write(made, name):
    with pytest.raises(TypeError, match=f"^{made} has no argument '{name}'[;:] [a-z]") as told:
        MADE[made](**{name: 1})
    assert "there are:" not in str(told.value)


@pytest.mark.parametrize("made", MADE)
def test_an_argument_that_is_nowhere_is_answered_with_those_there_are(made):
    with pytest.raises(TypeError, match=f"^{made} has no argument 'zzzz'; there are: "):
        MADE[made](zzzz=1)


A, B = fm.Input(3), fm.Dense(3)(fm.Input(3))
OPERATORS = {
    "+": (lambda: A + B, lambda: fm.add([A, B])),
    "a number +": (lambda: 0.5 + A, lambda: fm.Rescaling(1, 0.5)(A)),
    "-": (lambda: A - B, lambda: fm.add([A, fm.Rescaling(-1)(B)])),
    "*": (lambda: A * B, lambda: fm.multiply([A, B])),
    "an array *": (lambda: np.ones(3) * A, lambda: fm.Rescaling(0.5)(A)),
    "/": (lambda: A / B, lambda: fm.Lambda(lambda a, b: a / b)([A, B])),
    "-a": (lambda: -A, lambda: fm.Rescaling(-1)(A)),
    "**": (lambda: A**2, lambda: fm.Lambda(lambda a: a**2)(A)),
    "@": (lambda: A @ B, lambda: fm.Lambda(lambda a, b: g.sum(a * b, axis=1))([A, B])),
    "[]": (lambda: B[:, :2], lambda: fm.Lambda(lambda a: a[:, 0:2])(B)),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_between_values_is_answered_with_the_layer_for_it(operator):
    wrong, right = OPERATORS[operator]
    with pytest.raises(TypeError, match="has no numbers yet, but for a layer: write "):
        wrong()
    assert right().layer is not None
    assert A == A
    assert A in {A: 1}


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "concat"])
def test_two_values_that_are_no_list_are_answered_with_the_list(name):
    with pytest.raises(TypeError, match=rf"{name} takes a list: write {name}\(\[a, b\]\)"):
        getattr(fm, name)(fm.Input(2), fm.Input(2))


def test_a_shape_of_one_number_is_answered_with_the_number():
    for shape in ((3,), [3]):
        with pytest.raises(
            TypeError, match=r"columns must be an integer, got .*: write Input\(3\)"
        ):
            fm.Input(shape)


@pytest.mark.parametrize("name", ["step", "zero_grad", "state_dict", "param_groups", "lr"])
def test_what_optimizers_have_elsewhere_is_answered_with_what_to_write(name):
    for kind in (*fm.optimizers.OPTIMIZERS.values(), fm.LBFGS):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; (write|leave|what)"):
            getattr(kind(), name)


FITTED = [fm.MLPClassifier, fm.MLPRegressor, fm.TabularClassifier, fm.TabularRegressor]


@pytest.mark.parametrize("kind", FITTED)
def test_what_an_estimator_has_can_be_listed_before_it_is_fitted_and_after(kind):
    # A notebook lists attributes to complete what is typed.
    estimator = kind()
    names = set(dir(estimator))
    assert {"fit", "predict", "get_params"} <= names
    few = {"epochs": 1} if "epochs" in estimator.get_params() else {"max_iter": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.set_params(**few).fit([[0.0], [1.0]] * 20, [0, 1] * 20)
    assert names < set(dir(estimator))


def made():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(20, 4)), rng.normal(size=20)
    model = fm.MLP([4, 3, 1], seed=0)
    settings = {"hidden_layer_sizes": (3,), "max_iter": 500, "random_state": 0}
    return {
        "model": model,
        "members": fm.Members(model, 2),
        "classifier": fm.MLPClassifier(**settings).fit(X, t > 0),
        "regressor": fm.MLPRegressor(**settings).fit(X, t),
        "hinge": fm.MLPClassifier(**settings, loss="hinge").fit(X, t > 0),
        "classifier of tables": fm.TabularClassifier(),
        "regressor of tables": fm.TabularRegressor(),
    }


ANSWERING = {
    "model": "fit evaluate trainer activations summary build solve_output_layer save set_weights",
    "members": "fit evaluate predict",
    "classifier": "fit partial_fit predict predict_proba predict_log_proba score",
    "regressor": "fit partial_fit predict score",
    "classifier of tables": "fit predict predict_proba predict_log_proba score importances",
    "regressor of tables": "fit predict predict_interval score importances",
}


@pytest.mark.parametrize(("whose", "methods"), ANSWERING.items())
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_every_method_with_data_answers_a_keyword_that_it_does_not_have(whose, methods):
    one = made()[whose]
    for method in methods.split():
        with pytest.raises(TypeError, match=rf"{method} has no argument 'nothing_like_it'; there"):
            getattr(one, method)(nothing_like_it=1)


@pytest.mark.parametrize(
    ("method", "whose", "argument", "instead"),
    [
        ("transform", "classifier", "batch_size", "leave it out"),  # X is scikit-learn's to miss
        ("predict_proba", "classifier", "verbose", "leave it out"),
        ("predict_proba", "classifier of tables", "raw_score", "leave it out"),
        ("predict", "regressor of tables", "num_iteration", "leave it out"),
        ("predict_interval", "regressor of tables", "thread_count", "write n_threads= where"),
        ("decision_function", "hinge", "batch_size", "leave it out"),
        ("score", "classifier of tables", "sample_weights", "write sample_weight="),
    ],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_estimators_answer_habits_where_they_are_asked(method, whose, argument, instead):
    with pytest.raises(TypeError, match=f"{method} has no argument '{argument}'; {instead}"):
        getattr(made()[whose], method)(np.ones((2, 4)), **{argument: 1})


@pytest.mark.parametrize("name", DECLINED)
def test_predict_declines_what_keras_gives_it(name):
    model = fm.MLP([4, 3, 1], seed=0)
    X = np.zeros((2, 4))
    with pytest.raises(TypeError, match=f"predict has no argument '{name}'; leave it out"):
        model.predict(X, **{name: 0})
    assert (model.predict(X, **{name: None}) == model.predict(X)).all()
    assert name not in inspect.signature(model.predict).parameters


@pytest.mark.parametrize("picture", set(plot.__all__) - {"WeightPath", "descent"})
def test_pictures_tell_where_sizes_and_titles_go(picture):
    for name, instead in (("figsize", "write ax="), ("title", "write ax.set_title")):
        with pytest.raises(TypeError, match=f"{picture} has no argument '{name}'; {instead}"):
            getattr(plot, picture)(**{name: 1})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda m: m.fit([[0.0] * 4], [0.0], 32, 2),
            "fit takes X, t by place, got 4; write others",
        ),
        (lambda m: m.trainer(fm.Adam()), "trainer takes nothing by place, got 1; .* as loss="),
        (
            lambda m: fm.Dense(3, 4, "relu"),
            "Dense takes units, activation by place, got 3; .* as u",
        ),
        (lambda m: fm.EarlyStopping(*"abcdef"), "EarlyStopping takes monitor, .* by place, got 6$"),
        (lambda m: fm.LBFGS(lr=1), "LBFGS has no argument 'lr'; there are: history_size"),
        (lambda m: fm.Dropout(kernel_initializer=1), "no argument 'kernel_initializer'; there are"),
        (
            lambda m: m.fit([[0.0] * 4], [0.0], callbacks=[fm.EarlyStopping]),
            r"got the class: write EarlyStopping\(\)",
        ),
        (lambda m: fm.Dense(3, 4), "not int; a layer finds out what it is called with"),
    ],
)
def test_what_is_given_by_place_is_told(wrong, message):
    with pytest.raises(TypeError, match=message):
        wrong(fm.MLP([4, 1], seed=0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: fm.Sequental, "module 'fastmlp' has no attribute 'Sequental'; did you mean 'Seq"),
        (lambda: fm.models.load_model, "write load"),
        (lambda: fm.models.Sequential, "it is in fastmlp itself: write fastmlp.Sequential"),
        (lambda: fm.activations.relu, "write 'relu' where an activation is asked for"),
        (lambda: fm.initializers.HeNormal, r"write fastmlp\.initializers\.He\('normal'\)"),
        (lambda: fm.datasets.mnist, r"write fastmlp.datasets.load\('mnist'\)"),
        (lambda: fm.data.DataLoader, "PyTorch's DataLoader"),
        (lambda: fm.callbacks.LearningRateScheduler, "write the schedule in the place of the rate"),
        (lambda: fm.schedules.StepLR, "write StepDecay"),
        (lambda: fm.losses.SparseCategoricalCrossentropy, "write loss='cross_entropy'"),
        (lambda: fm.Dense(3).in_features, "write weights.shape"),
        (lambda: fm.Sequential.load, r"write fastmlp.load\(path\)"),
        (lambda: fm.History().plot, r"write fastmlp.plot.history\(history\)"),
        (lambda: fm.train_test_split, "write validation_split= of fit"),
        (lambda: fm.Dense(3).get_config, r"write config\(\)"),
        (lambda: fm.MLP([4, 1]).trainable, "write trainable of each of its layers"),
        (lambda: fm.MLP([4, 1]).train_step, r"write a loop over step\(X, t\)"),
        (lambda: fm.MLP([4, 1]).inputs, "write network.inputs"),
    ],
)
def test_names_of_keras_and_pytorch_are_told(wrong, message):
    with pytest.raises(AttributeError, match=message):
        wrong()


def test_articles_go_with_names():
    for one, said in (
        (fm.MLP([4, 1]), "an MLP"),
        (fm.Sequential([fm.Dense(1)]), "a Sequential"),
        (fm.EarlyStopping(), "an EarlyStopping"),
        (fm.ReduceLROnPlateau(), "a ReduceLROnPlateau"),
    ):
        with pytest.raises(AttributeError, match=f"'nothing_like_it' of {said} cannot be assigned"):
            one.nothing_like_it = 1


@pytest.mark.parametrize("name", metrics.ALIASES)
def test_names_of_metrics_in_keras_are_names_of_the_history_too(name):
    X, t = np.eye(4), np.arange(4)
    model = fm.MLP([4, 4], output="softmax", seed=0)
    stopping = fm.EarlyStopping(f"val_{name}", patience=1)
    settings = {"metrics": [name], "validation_data": (X, t), "epochs": 3, "verbose": False}
    history = model.fit(X, t, callbacks=[stopping], **settings)
    assert history.higher_is_better[f"val_{name}"]
    assert model.evaluate(X, t)[name] == model.evaluate(X, t, metrics=["accuracy"])["accuracy"]
    assert metrics.has_name(metrics.get(name))


@pytest.mark.parametrize(("theirs", "ours"), initializers.ALIASES.items())
def test_names_of_initializers_in_pytorch_are_the_same_here(theirs, ours):
    assert initializers.get(theirs) == initializers.get(ours)


def _torch():
    return pytest.importorskip("torch")


def fit(**how):
    fm.MLP([4, 1], seed=0).fit([[0.0] * 4], [0.0], **how)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: fit(loss=_torch().nn.MSELoss()), "loss: another library's .*write loss='MSELoss'"),
        (lambda: fit(loss=_torch().nn.functional.huber_loss), "write loss='huber_loss'"),
        (lambda: fit(loss=sklearn.metrics.mean_squared_error), "write loss='mean_squared_error'"),
        (lambda: fit(optimizer=_torch().optim.AdamW), r"write fastmlp.AdamW\(learning_rate\)"),
        (lambda: fm.Dense(3, _torch().nn.ReLU()), "activation: another library's .*write 'relu'"),
        (lambda: fm.Dense(3, _torch().nn.LeakyReLU(0.2)), r"or 'leaky_relu\(slope=0.2\)'"),
        (lambda: fm.Dense(3, np.tanh), "write 'tanh'"),
        (
            lambda: fm.Dense(3, weights_initializer=_torch().nn.init.kaiming_normal_),
            "weights_initializer: .*write 'kaiming_normal'",
        ),
        (lambda: fm.Dense(3, weights_initializer=fm.initializers.He), r"the class: write He\(\)"),
        (lambda: fm.Sequential([_torch().nn.Linear(4, 3)]), r"write Dense\(units\)"),
        (lambda: fm.Sequential([fm.Dense]), r"the class: write Dense\(...\)"),
        (lambda: fm.Sequential([fm.Dense(3), "relu"]), r"write Activation\('relu'\), a layer"),
        (lambda: fm.Sequential([fm.MLP([4, 1])]), r"write \*model.layers"),
        (lambda: fm.Sequential([[fm.Dense(3)]]), r"a list: write its layers one by one"),
        (lambda: fm.Sequential([lambda z: 2 * z]), r"write Lambda\(function\)"),
    ],
)
def test_objects_of_other_libraries_and_kinds_are_answered_with_ours(wrong, message):
    with pytest.raises(TypeError, match=message):
        wrong()


def test_functions_of_the_users_may_be_called_as_those_of_others():
    def mse(y, t):
        return (y - t) ** 2

    def relu(z):
        return fm.graph.relu(z)

    fit(loss=mse)
    fm.Sequential([fm.Dense(3, relu)], input_columns=2).predict([[0.0, 1.0]])


@pytest.mark.parametrize("kind", [fm.Adam, fm.Dense, fm.MLP, fm.Sequential, fm.EarlyStopping])
def test_a_constructor_called_of_its_class_is_told_by_its_name(kind):
    with pytest.raises(TypeError, match=rf"^{kind.__name__}.__init__ has no argument 'lrr'"):
        kind.__init__(lrr=3)
    with pytest.raises(TypeError, match="missing"):
        kind.__init__()
