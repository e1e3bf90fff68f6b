"""What people bring from XGBoost, LightGBM and CatBoost, and what to write here instead."""

from __future__ import annotations

_RECIPE = "leave it out: the recipe has no settings to tune"
_FOUND = "leave it out: what a column holds is found out, or said by kinds="
_LENGTH = (
    "write epochs= to bound how long each network is trained, n_members= for how many there are"
)
_STOPPING = "leave it out: each network is taken from its best epoch on held-out rows"
_VERBOSE = "write verbose="
_THREADS = "write n_threads="
_ON_CPU = "leave it out: fastmlp computes on the CPU"

# Arguments of the constructors elsewhere.
ARGUMENTS = {
    **dict.fromkeys(("n_estimators", "iterations", "num_boost_round", "max_iter"), _LENGTH),
    **dict.fromkeys(("learning_rate", "eta", "max_depth", "depth", "num_leaves"), _RECIPE),
    **dict.fromkeys(("min_child_weight", "min_child_samples", "gamma", "max_bin"), _RECIPE),
    **dict.fromkeys(("subsample", "colsample_bytree", "colsample_bylevel"), _RECIPE),
    **dict.fromkeys(("reg_alpha", "reg_lambda", "l2_leaf_reg", "grow_policy"), _RECIPE),
    **dict.fromkeys(("booster", "boosting_type", "tree_method", "max_leaves"), _RECIPE),
    **dict.fromkeys(("hidden_layer_sizes", "activation", "batch_size", "alpha"), _RECIPE),
    **dict.fromkeys(("objective", "loss", "loss_function", "eval_metric"), "write metric="),
    "quantile_alpha": "write metric='quantile' and quantiles=",
    **dict.fromkeys(("early_stopping", "early_stopping_rounds", "od_wait"), _STOPPING),
    "use_best_model": _STOPPING,
    **dict.fromkeys(("enable_categorical", "missing", "one_hot_max_size"), _FOUND),
    **dict.fromkeys(
        ("cat_features", "categorical_feature", "categorical_features", "feature_types"),
        "write kinds={'column': 'category'}, where it is not found out",
    ),
    "monotone_constraints": "there are none here: what a network has learned of a column is free",
    **dict.fromkeys(("scale_pos_weight", "is_unbalance"), "write class_weight="),
    **dict.fromkeys(("auto_class_weights", "class_weights"), "write class_weight='balanced'"),
    **dict.fromkeys(("n_jobs", "nthread", "num_threads", "thread_count"), _THREADS),
    **dict.fromkeys(("verbosity", "verbose_eval", "silent", "logging_level"), _VERBOSE),
    **dict.fromkeys(("seed", "random_seed"), "write random_state="),
    **dict.fromkeys(("device", "device_type", "task_type", "gpu_id"), _ON_CPU),
}
# Arguments of `fit` elsewhere.
OF_FIT = {
    "eval_metric": "write metric= where the estimator is made",
    **dict.fromkeys(("early_stopping_rounds", "callbacks", "use_best_model"), _STOPPING),
    **dict.fromkeys(
        ("verbose", "verbose_eval", "plot"), "write verbose= where the estimator is made"
    ),
    **dict.fromkeys(
        ("cat_features", "categorical_feature", "feature_name"),
        "write kinds= where the estimator is made",
    ),
    **dict.fromkeys(("sample_weight_eval_set", "eval_sample_weight"), "write sample_weight_val="),
    **dict.fromkeys(
        ("xgb_model", "init_model", "base_margin", "init_score"),
        "leave it out: each fit begins anew",
    ),
    **dict.fromkeys(("t", "target", "label", "labels"), "write y="),
    **dict.fromkeys(("x", "data"), "write X="),
    "validation_data": "write eval_set=(X, y)",
    "epochs": "write epochs= where the estimator is made",
}
# Attributes and methods elsewhere.
ATTRIBUTES = {
    "save_model": "write save(path)",
    "load_model": "write fastmlp.load(path)",
    "get_feature_importance": "write feature_importances_, or importances(X, y)",
    "get_score": "write feature_importances_, or importances(X, y)",
    **dict.fromkeys(
        ("best_score", "best_score_"), "write validation_score_, the metric on held-out rows"
    ),
    **dict.fromkeys(
        ("best_iteration", "best_iteration_", "evals_result", "evals_result_", "get_booster"),
        "there are several networks, each with a best epoch of its own; see validation_score_",
    ),
    "booster_": "the estimator itself is what is saved: write save(path)",
    "calibrate": "leave it out: probabilities are calibrated on held-out rows",
}
