"""What people bring to scikit-learn's networks from Keras, PyTorch and XGBoost."""

from __future__ import annotations

_MADE = "where the estimator is made"

# Arguments of the constructors elsewhere.
ARGUMENTS = {
    "optimizer": "write solver=, which takes fastmlp.Adam(...) and others too",
    **dict.fromkeys(("lr", "eta"), "write learning_rate_init="),
    **dict.fromkeys(
        ("epochs", "n_epochs", "max_epochs", "num_epochs", "nb_epoch", "n_estimators"),
        "write max_iter=",
    ),
    **dict.fromkeys(("l2", "weight_decay", "reg_lambda"), "write alpha="),
    **dict.fromkeys(
        ("hidden_sizes", "hidden_units", "hidden_layers", "layers"), "write hidden_layer_sizes="
    ),
    **dict.fromkeys(("n_jobs", "num_threads", "thread_count"), "write n_threads="),
    **dict.fromkeys(("seed", "random_seed"), "write random_state="),
    **dict.fromkeys(
        ("patience", "early_stopping_rounds"), "write n_iter_no_change=, with early_stopping=True"
    ),
    "validation_split": "write validation_fraction=, with early_stopping=True",
    **dict.fromkeys(("criterion", "objective"), "write loss="),
    "betas": "write beta_1= and beta_2=",
    "beta1": "write beta_1=",
    "beta2": "write beta_2=",
    "eps": "write epsilon=",
    "dropout_rate": "write dropout=",
    **dict.fromkeys(
        ("output", "output_activation", "out_activation"), "leave it out: it goes with the loss"
    ),
    "device": "leave it out: fastmlp computes on the CPU",
}
# Arguments of `fit` elsewhere.
OF_FIT = {
    **dict.fromkeys(("epochs", "max_iter"), f"write max_iter= {_MADE}"),
    **dict.fromkeys(("lr", "learning_rate"), f"write learning_rate_init= {_MADE}"),
    "optimizer": f"write solver= {_MADE}",
    **{
        name: f"write {name}= {_MADE}"
        for name in ("batch_size", "verbose", "callbacks", "loss", "shuffle", "early_stopping")
    },
    "class_weight": "write class_weight= where the classifier is made",
    **dict.fromkeys(("validation_data", "eval_set"), "write X_val= and y_val="),
    "validation_split": f"write validation_fraction= {_MADE}, with early_stopping=True",
    "x": "write X=",
    **dict.fromkeys(("t", "target", "labels"), "write y="),
    **dict.fromkeys(("weights", "sample_weights"), "write sample_weight="),
    "metrics": "write callbacks= where the estimator is made, or score",
}
# Arguments of `predict` and its like, `transform` and `score` elsewhere.
OF_ANSWERS = {
    "x": "write X=",
    **dict.fromkeys(("t", "target", "labels"), "write y="),
    "batch_size": "leave it out: the result does not depend on it",
    "verbose": "leave it out: nothing is shown",
    **dict.fromkeys(("num_iteration", "iteration_range", "ntree_end"), "leave it out"),
    **dict.fromkeys(("n_jobs", "thread_count"), f"write n_threads= {_MADE}"),
    **dict.fromkeys(("weights", "sample_weights"), "write sample_weight="),
    "scoring": "write sklearn.metrics' function of y and predict(X)",
    "metrics": "write sklearn.metrics' function of y and predict(X)",
}
# Attributes and methods elsewhere.
ATTRIBUTES = {
    **dict.fromkeys(
        ("save", "save_model"),
        "write joblib.dump(estimator, path), or model_.save(path) of the network alone",
    ),
    **dict.fromkeys(("load", "load_model"), "write joblib.load(path)"),
    "coef_": "write coefs_, an array for each layer",
    "intercept_": "write intercepts_, an array for each layer",
    **dict.fromkeys(("history", "history_"), "write loss_curve_, or validation_scores_"),
    "evaluate": "write score(X, y)",
    "summary": "write model_.summary()",
    **dict.fromkeys(("layers", "layers_"), "write model_.layers"),
    **dict.fromkeys(("get_weights", "weights"), "write coefs_ and intercepts_"),
}
