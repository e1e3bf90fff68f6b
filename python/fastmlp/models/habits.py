"""What people bring from Keras, PyTorch and scikit-learn, and what to write here instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from fastmlp import _checks

F = TypeVar("F", bound=Callable[..., Any])

# Attributes that cannot be assigned here.
ASSIGNED = {
    "dtype": "a model has its type from the beginning, make a new one and set_weights",
    "weights": "use set_weights, or the weights of one of the layers",
    **dict.fromkeys(("trainable", "requires_grad"), "write trainable of each of its layers"),
    "parameters": "use set_weights, or write into parameters.flat",
    "network": "make a new model",
    "layers": "make a new model; settings of a layer can be assigned",
    "name": "keep it in metadata",
    **dict.fromkeys(("loss", "optimizer", "metrics", "l2", "l1"), "it is an argument of fit"),
    **dict.fromkeys(("epochs", "batch_size", "callbacks", "verbose"), "it is an argument of fit"),
    **dict.fromkeys(("lr", "learning_rate"), "it is an argument of the optimizer"),
    "stop_training": "write a callback, a function (model, epoch, logs) that returns True to stop",
}
# Attributes and methods of models elsewhere.
ATTRIBUTES = {
    "compile": "give loss=, optimizer= and metrics= to fit",
    "compute_loss": "write evaluate(X, t)",
    "train_on_batch": "write trainer = model.trainer(...) once, then trainer.step(X, t)",
    "test_on_batch": "write evaluate(X, t)",
    "predict_on_batch": "write predict(X)",
    "predict_proba": "write predict(X): probabilities of a softmax or logistic output",
    "score": "write evaluate(X, t), or use an estimator such as MLPClassifier",
    **dict.fromkeys(("count_params", "num_parameters", "n_params"), "write n_parameters"),
    "get_config": "write network.config()",
    "to_json": "write save(path), which holds the architecture too",
    "save_weights": "write save(path), or get_weights()",
    "load_weights": "write fastmlp.load(path), or set_weights(weights)",
    "load": "write fastmlp.load(path)",
    "state_dict": "write get_weights(), or save(path) and fastmlp.load(path)",
    "load_state_dict": "write set_weights(weights), or fastmlp.load(path)",
    "named_parameters": "write zip(model.network.parameter_names, model.get_weights())",
    "eval": "leave it out: predict and evaluate never drop out",
    "train": "leave it out: fit alone drops out; predict(X, training=True) does for once",
    "to": "leave it out: a model is on the CPU; its type is the argument dtype",
    "cpu": "leave it out: a model is on the CPU",
    "cuda": "leave it out: fastmlp computes on the CPU",
    "float": "make the model with dtype='float32'",
    "double": "make the model with dtype='float64'",
    "half": "dtype is float32 or float64",
    "solve": "write solve_output_layer(X, t), or fastmlp.least_squares(X, t) without layers",
    "hessian": "write graph.gradient twice, of outputs of network.forward()",
    "zero_grad": "leave it out: fit and trainer.step begin with a gradient of zero",
    "backward": "write model.trainer(...).loss_and_gradient(X, t), or model.gradient(X)",
    "forward": "write predict(X), or network.forward() for the graph",
    "partial_fit": "write fit(X, t, epochs=1), which goes on, or trainer.step(X, t)",
    "apply": "write set_weights(weights), or give layers their initializers",
    **dict.fromkeys(
        ("trainable_weights", "trainable_variables"),
        "write get_weights(); a layer says whether it is trainable",
    ),
    **dict.fromkeys(("trainable", "requires_grad"), "write trainable of each of its layers"),
    "variables": "write get_weights()",
    "optimizer": "it is an argument of fit",
    "loss": "it is an argument of fit",
    **dict.fromkeys(("input_shape", "input_columns"), "write network.input_columns"),
    **dict.fromkeys(("output_shape", "output_columns"), "write network.output_columns"),
    "weights": "write get_weights(), or weights of one of the layers",
    "bias": "write biases of one of the layers",
    "coefs_": "write weights of one of the layers",
    "get_layer": "write network.layer(name)",
    "predict_classes": "write predict(X).argmax(axis=1)",
    "predict_log_proba": "write numpy.log(predict(X)), or end with 'log_softmax'",
    "intercepts_": "write biases of one of the layers",
    **dict.fromkeys(("history_", "loss_curve_"), "write history, or history['loss']"),
    **dict.fromkeys(
        ("train_step", "training_step"), "write a loop over step(X, t) of model.trainer(...)"
    ),
    **dict.fromkeys(
        ("non_trainable_weights", "buffers", "named_buffers"),
        "write running_mean and running_variance of a layer that normalizes",
    ),
    "to_onnx": "write export('model.onnx')",
    "metrics": "it is an argument of fit; what fit returns has their names",
    "fit_generator": "write fit(batches)",
    "evaluate_generator": "write evaluate(X, t) of each batch",
    "pop": "make a new model of its layers",
    **dict.fromkeys(("children", "modules", "named_modules"), "write layers"),
    "requires_grad_": "write trainable of each of its layers",
    "grad": "write model.trainer(...).loss_and_gradient(X, t), or gradient(X) of the outputs",
    **dict.fromkeys(("input", "inputs"), "write network.inputs"),
    **dict.fromkeys(("output", "outputs"), "write graph, or activations(X) of each layer"),
    "metrics_names": "write list(history) of what fit returns",
    "losses": "write evaluate(X, t), whose loss has the penalties too",
    **dict.fromkeys(("reset_states", "reset_metrics"), "leave it out: each call begins anew"),
    "stop_training": "write a callback, a function (model, epoch, logs) that returns True to stop",
    "name": "keep it in metadata",
}
# Arguments of methods.
_DATA = {
    "x": "write X=",
    "inputs": "write X=",
    "y": "write t=",
    "targets": "write t=",
    "return_dict": "leave it out: the scores are a dict and unpack too",
    "sample_weights": "write sample_weight=",
}
_ON_CPU = "leave it out: fastmlp computes on the CPU"
_THREADS = "leave it out; fastmlp.set_num_threads sets the number of threads"
_STOPPING = "write callbacks=[fastmlp.EarlyStopping()]"
OF_FIT = _DATA | {
    "patience": "write callbacks=[fastmlp.EarlyStopping(patience=...)]",
    "validation_freq": "leave it out: each epoch is validated",
    "device": _ON_CPU,
    "lr": "give it to the optimizer: optimizer=fastmlp.Adam(learning_rate)",
    "learning_rate": "give it to the optimizer: optimizer=fastmlp.Adam(learning_rate)",
    "weight_decay": "give it to the optimizer, or write l2=",
    "nb_epoch": "write epochs=",
    "n_epochs": "write epochs=",
    "num_epochs": "write epochs=",
    "max_iter": "write epochs=",
    "max_epochs": "write epochs=",
    "eval_set": "write validation_data=(X, t)",
    "X_val": "write validation_data=(X, t)",
    "validation_batch_size": "leave it out: the result does not depend on it",
    "initial_epoch": "leave it out: a second fit goes on where the first ended",
    "validation_steps": "give validation_data a function that returns as many batches",
    "generator": "write X=, without t",
    **dict.fromkeys(("workers", "use_multiprocessing", "n_jobs"), _THREADS),
    "max_queue_size": "leave it out: a thread reads ahead by itself",
    "num_workers": "leave it out: a thread reads ahead by itself",
    "criterion": "write loss=",
    **dict.fromkeys(("early_stopping", "tol", "n_iter_no_change"), _STOPPING),
    "random_state": "write seed=",
    **dict.fromkeys(("val_data", "validation"), "write validation_data=(X, t)"),
    **dict.fromkeys(("val_split", "validation_fraction"), "write validation_split="),
    **dict.fromkeys(
        ("momentum", "nesterov", "betas", "beta_1", "beta_2"),
        "give it to the optimizer: optimizer=fastmlp.SGD(0.01, momentum=0.9), or Adam",
    ),
    **dict.fromkeys(("clipnorm", "clip_norm", "gradient_clip_val"), "write Adam(clip_norm=...)"),
    **dict.fromkeys(("clipvalue", "clip_value"), "write Adam(clip_value=...)"),
    **dict.fromkeys(
        ("scheduler", "lr_scheduler", "schedule"),
        "write the schedule in the place of the rate: Adam(fastmlp.CosineDecay(...))",
    ),
    **dict.fromkeys(("resume", "checkpoint"), "write callbacks=[fastmlp.Checkpoint(folder)]"),
    "solver": "write optimizer=",
    "alpha": "write l2=",
    "warm_start": "leave it out: a second fit goes on where the first ended",
    "weighted_metrics": "write metrics=, which follow sample_weight",
    "dtype": "a model has its type from the beginning",
    **dict.fromkeys(
        ("run_eagerly", "jit_compile", "steps_per_execution"), "leave it out: a fit is compiled"
    ),
}
# Arguments of constructors.
_OF_ALL = {
    **dict.fromkeys(("random_state", "random_seed"), "write seed="),
    **dict.fromkeys(
        ("dropout", "dropout_rate"), "write Sequential([Dense(...), Dropout(rate), ...])"
    ),
    "device": _ON_CPU,
    "name": "keep it in metadata",
    "trainable": "write trainable of each of its layers",
    **dict.fromkeys(("optimizer", "loss", "metrics", "l2", "l1"), "it is an argument of fit"),
}
OF_MLP = _OF_ALL | {
    **dict.fromkeys(
        ("hidden_layer_sizes", "hidden_sizes", "layer_sizes", "sizes", "layers", "input_dim"),
        "write columns=[inputs, ..., outputs]",
    ),
    **dict.fromkeys(
        ("output_activation", "out_activation", "final_activation", "last_activation"),
        "write output=",
    ),
    **dict.fromkeys(("activations", "act", "hidden_activation"), "write activation="),
}
OF_SEQUENTIAL = _OF_ALL | dict.fromkeys(("input_shape", "input_dim"), "write input_columns=")
OF_MODEL = _OF_ALL | {"input": "write inputs=", "output": "write outputs="}
# Arguments of `load` and `save`.
OF_LOAD = {
    "custom_objects": "leave it out: register functions of your own before",
    "compile": "leave it out: loss= and optimizer= are arguments of fit",
    "weights_only": "leave it out: no code of a file is ever run",
    "safe_mode": "leave it out: no code of a file is ever run",
    "map_location": _ON_CPU,
    "filepath": "write path=",
}
# Of what comes from other libraries and goes there.
OF_FROM_KERAS = {
    **OF_LOAD,
    **dict.fromkeys(("path", "filepath", "model"), "write from_keras(source)"),
}
OF_FROM_TORCH = {
    **dict.fromkeys(("input_size", "input_shape", "input_dim"), "write input_columns="),
    **dict.fromkeys(("args", "example_inputs"), "leave it out: a module is read without numbers"),
    "device": _ON_CPU,
    "model": "write from_torch(module)",
}
OF_TO_TORCH = {"device": "write to(device) of the module", "dtype": "write to(dtype) of the module"}
OF_SAVE = {
    "overwrite": "leave it out: a file that is there is replaced",
    "save_format": "write export(path), whose ending says the format",
    "zipped": "leave it out: a file is one of safetensors",
    "filepath": "write path=",
    "include_optimizer": "leave it out: the state of the optimizer is not written",
}
_OF_ANSWERS = {
    "batch_size": "leave it out: the result does not depend on it",
    "verbose": "leave it out: nothing is shown",
    "callbacks": "leave it out: they hear of the epochs of fit",
    "device": _ON_CPU,
    **dict.fromkeys(("workers", "use_multiprocessing", "n_jobs"), _THREADS),
    "max_queue_size": "leave it out: a thread reads ahead by itself",
}
OF_EVALUATE = (
    _DATA
    | _OF_ANSWERS
    | {
        "steps": "leave it out: a stream is gone through to its end",
        "X_val": "write X=",
        "t_val": "write t=",
    }
)
OF_SOLUTIONS = OF_EVALUATE | dict.fromkeys(
    ("alpha", "ridge", "regularization", "weight_decay"), "write l2="
)
OF_LEAST_SQUARES = OF_SOLUTIONS | dict.fromkeys(
    ("fit_intercept", "bias", "intercept"), "write use_bias="
)
OF_PREDICT = _OF_ANSWERS | {
    "x": "write X=",
    "inputs": "write X=",
    "steps": "leave it out: X is predicted as a whole",
}
OF_CALL = OF_PREDICT | {
    "mask": "leave it out: there are no masks",
    **{name: f"write predict(X, {name}=...)" for name in ("out", "samples", "seed")},
}
# Those of Keras' `predict`. It has them as parameters, which are refused: to wrap it, as `taught`
# does, or to collect what it does not have, would make a call for one row slower by a fifth.
DECLINED = ("batch_size", "verbose", "steps", "callbacks")
OF_SUMMARY = {
    "print_fn": "print what is returned, or give it to a function",
    **dict.fromkeys(
        ("line_length", "positions", "expand_nested", "show_trainable", "layer_range"),
        "leave it out: print what is returned",
    ),
    **dict.fromkeys(("input_size", "input_data"), "leave it out: a model knows its columns"),
}
OF_SET_WEIGHTS = {"strict": "leave it out: all weights are needed, each in its shape"}
OF_BUILD = dict.fromkeys(("input_shape", "batch_input_shape", "input_dim"), "write build(columns)")
OF_MEMBERS = {
    **dict.fromkeys(("n_members", "n_models", "n_estimators", "number", "n"), "write k="),
    **dict.fromkeys(("seed", "random_state"), "write seeds=, one for each"),
    "models": "write model=, which takes a list, too",
}
OF_SWEEP = {
    **dict.fromkeys(("min_lr", "start_lr", "lr_min"), "write lowest="),
    **dict.fromkeys(("max_lr", "end_lr", "lr_max"), "write highest="),
    **dict.fromkeys(("num_iter", "num_training", "epochs"), "write steps="),
    "verbose": "leave it out: nothing is shown",
    "criterion": "write loss=",
}


def declining(function: F) -> F:
    """Leave `DECLINED` out of the signature that a function shows.

    Examples
    --------
    >>> @declining
    ... def predict(X, verbose=None): ...
    >>> inspect.signature(predict)
    <Signature (X)>
    """
    shown = inspect.signature(function)
    kept = [each for name, each in shown.parameters.items() if name not in DECLINED]
    function.__signature__ = shown.replace(parameters=kept)  # type: ignore[attr-defined]
    return function


def declined(*given: Any) -> TypeError:
    """Return the error for the first of `DECLINED` that is given, with what to write instead.

    Examples
    --------
    >>> str(declined(None, 0, None, None))
    "predict has no argument 'verbose'; leave it out: nothing is shown"
    """
    name = next(name for name, value in zip(DECLINED, given, strict=True) if value is not None)
    return _checks.no_argument("predict", name, (), OF_PREDICT)
