"""What people bring from XGBoost, LightGBM and CatBoost, and what to write here instead."""

from __future__ import annotations

from fastmlp.estimators import habits

_RECIPE = "leave it out: the recipe has no settings to tune"
_FOUND = "leave it out: what a column holds is found out, or said by kinds="
_LENGTH = (
    "write epochs= to bound how long each network is trained, n_members= for how many there are"
)
_STOPPING = "leave it out: each network is taken from its best epoch on held-out rows"
_VERBOSE = "write verbose="
_THREADS = "write n_threads="
_ANEW = "leave it out: each fit begins anew"
_SEVERAL = "there are several networks, each with a best epoch of its own; see validation_score_"
_ON_CPU = "leave it out: fastmlp computes on the CPU"

# Arguments of the constructors elsewhere.
ARGUMENTS = {
    **dict.fromkeys(("n_estimators", "iterations", "num_boost_round", "max_iter"), _LENGTH),
    **dict.fromkeys(("max_epochs", "n_epochs", "num_epochs"), "write epochs="),
    **dict.fromkeys(("n_cv", "n_ens", "n_repeats", "num_bag_folds"), "write n_members="),
    **dict.fromkeys(("warm_start", "process_type", "keep_optimizer"), _ANEW),
    "validation_split": "write validation_fraction=",
    "dtype": "leave it out: networks compute in float32",
    "presets": "write quality=",
    **dict.fromkeys(("learning_rate", "eta", "max_depth", "depth", "num_leaves"), _RECIPE),
    **dict.fromkeys(("min_child_weight", "min_child_samples", "gamma", "max_bin"), _RECIPE),
    **dict.fromkeys(("subsample", "colsample_bytree", "colsample_bylevel"), _RECIPE),
    **dict.fromkeys(("reg_alpha", "reg_lambda", "l2_leaf_reg", "grow_policy"), _RECIPE),
    **dict.fromkeys(("booster", "boosting_type", "tree_method", "max_leaves"), _RECIPE),
    **dict.fromkeys(("hidden_layer_sizes", "activation", "batch_size", "alpha"), _RECIPE),
    **dict.fromkeys(("solver", "optimizer", "learning_rate_init", "lr", "power_t"), _RECIPE),
    **dict.fromkeys(("shuffle", "momentum", "nesterovs_momentum", "max_fun"), _RECIPE),
    **dict.fromkeys(("beta_1", "beta_2", "epsilon", "dropout", "weight_decay"), _RECIPE),
    **dict.fromkeys(("hidden_sizes", "d_block", "n_blocks", "layers"), _RECIPE),
    **dict.fromkeys(("objective", "loss", "loss_function", "eval_metric"), "write metric="),
    **dict.fromkeys(("val_metric_name", "scoring"), "write metric="),
    **dict.fromkeys(("quantile_alpha", "quantile"), "write metric='quantile' and quantiles="),
    **dict.fromkeys(("delta", "huber_slope"), "write metric='mae', which outliers hardly move"),
    **dict.fromkeys(("early_stopping", "early_stopping_rounds", "od_wait", "callbacks"), _STOPPING),
    **dict.fromkeys(("use_best_model", "n_iter_no_change", "patience", "tol"), _STOPPING),
    **dict.fromkeys(("enable_categorical", "missing", "one_hot_max_size"), _FOUND),
    **dict.fromkeys(
        (
            *("cat_features", "categorical_feature", "categorical_features"),
            *("cat_col_names", "feature_types"),
        ),
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
        ("cat_features", "categorical_feature", "feature_name", "cat_col_names"),
        "write kinds= where the estimator is made",
    ),
    **dict.fromkeys(("sample_weight_eval_set", "eval_sample_weight"), "write sample_weight_val="),
    **dict.fromkeys(("xgb_model", "init_model", "base_margin", "init_score", "warm_start"), _ANEW),
    **dict.fromkeys(("t", "target", "label", "labels"), "write y="),
    **dict.fromkeys(("x", "data"), "write X="),
    **dict.fromkeys(("validation_data", "tuning_data"), "write eval_set=(X, y)"),
    **dict.fromkeys(("X_valid", "X_test", "x_val"), "write X_val="),
    **dict.fromkeys(("y_valid", "y_test"), "write y_val="),
    **dict.fromkeys(("weights", "weight", "w"), "write sample_weight="),
    **dict.fromkeys(
        ("epochs", "max_epochs", "n_epochs"), "write epochs= where the estimator is made"
    ),
    **dict.fromkeys(
        ("validation_split", "validation_fraction"),
        "write validation_fraction= where the estimator is made",
    ),
    "class_weight": "write class_weight= where the classifier is made",
    "time_limit": "write time_limit= where the estimator is made",
    **dict.fromkeys(("batch_size", "shuffle", "lr", "learning_rate"), _RECIPE),
    **dict.fromkeys(("patience", "monitor"), _STOPPING),
}
# Arguments of `predict` and its like, and of `score` elsewhere: those of scikit-learn's networks,
# and these.
OF_ANSWERS = {
    **habits.OF_ANSWERS,
    "data": "write X=",
    "label": "write y=",
    **dict.fromkeys(
        ("prediction_type", "raw_score", "output_margin"),
        "leave it out: probabilities of classes are predict_proba(X)",
    ),
    **dict.fromkeys(
        ("num_iteration", "start_iteration", "iteration_range", "ntree_start", "ntree_end"),
        "leave it out: all networks are asked",
    ),
    "num_threads": f"{_THREADS} where the estimator is made",
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
        (
            *("best_iteration", "best_iteration_", "evals_result", "evals_result_", "get_booster"),
            *("n_iter_", "loss_", "loss_curve_", "best_epoch_", "history", "history_"),
        ),
        _SEVERAL,
    ),
    "partial_fit": "each fit begins anew, from all rows",
    "evaluate": "write score(X, y)",
    "booster_": "the estimator itself is what is saved: write save(path)",
    "calibrate": "leave it out: probabilities are calibrated on held-out rows",
}
