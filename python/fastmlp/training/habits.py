"""What people bring from loops elsewhere, and what to write here instead."""

# What to say of attributes of optimizers and trainers elsewhere.
ATTRIBUTES = {
    "zero_grad": "leave it out: a step begins with a gradient of zero",
    "backward": "write loss_and_gradient(X, t); step(X, t) follows it",
    "fit": "write model.fit, or call step(X, t) in a loop",
    "train": "leave it out: steps drop out, predict does not",
    "eval": "leave it out: predict and evaluate never drop out",
    "predict": "write model.predict(X)",
    "evaluate": "write model.evaluate(X, t)",
    "param_groups": "write optimizer = fastmlp.Adam(..., groups=...)",
    "state_dict": "write model.get_weights(); state has what the optimizer remembers",
    "lr": "write optimizer = fastmlp.Adam(learning_rate)",
    "learning_rate": "write optimizer = fastmlp.Adam(learning_rate)",
    **dict.fromkeys(
        ("apply", "apply_gradients", "apply_grads"),
        "write apply_gradient(gradient), a vector as model.parameters.flat",
    ),
    **dict.fromkeys(("compute_gradients", "value_and_grad"), "write loss_and_gradient(X, t)"),
    "minimize": "write step(X, t), or scipy.optimize.minimize of objective(X, t)",
    "train_step": "write step(X, t)",
    "train_on_batch": "write step(X, t)",
}
