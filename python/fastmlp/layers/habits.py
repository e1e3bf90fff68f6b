"""What people bring from Keras and PyTorch to layers, and what to write here instead."""

from __future__ import annotations

# What to say of attributes of layers elsewhere.
ATTRIBUTES = {
    "bias": "write biases",
    "kernel": "write weights",
    "weight": "write weights",
    "get_weights": "write weights and its like, an array each, or get_weights() of the model",
    "set_weights": "write layer.weights = W and its like, or set_weights(arrays) of the model",
    **dict.fromkeys(
        ("trainable_weights", "trainable_variables", "parameters", "state_dict"),
        "write weights and its like, an array each, or get_weights() of the model",
    ),
    "p": "write rate",
    "requires_grad": "write trainable",
    "requires_grad_": "write trainable",
    "frozen": "write trainable",
    "kernel_regularizer": "write l1 or l2",
    "kernel_constraint": "write max_norm",
    "weight_decay": "write l2, or give it to the optimizer",
    **dict.fromkeys(
        ("input", "output", "forward", "call"),
        "write activations(X) of the model; called with a symbol a layer gives another",
    ),
    "get_config": "write config()",
    "count_params": "write summary() of the model",
    "build": "leave it out: a layer is built with its model",
    "dtype": "write dtype of the model",
    **dict.fromkeys(
        ("input_shape", "output_shape", "in_features", "out_features"),
        "write weights.shape, (outputs, inputs), or summary() of the model",
    ),
}
# And of arguments of their constructors.
ARGUMENTS = {
    "kernel_initializer": "write weights_initializer=",
    "kernel_regularizer": "write l1= or l2=, where λ₁ Σ|w| and λ·½‖W‖² are what is added",
    "kernel_constraint": "write max_norm= for the norm of the weights into each unit",
    "bias_regularizer": "biases are not penalised",
    "input_shape": "write Input(columns) before it, or give input_columns= to Sequential",
    "input_dim": "write categories= of an Embedding, or Input(columns) before other layers",
    "output_dim": "write columns=",
    "in_features": "a layer finds out what it is called with: give units alone",
    "out_features": "write units=",
    "num_features": "a layer finds out what it is called with: leave it out",
    "normalized_shape": "a layer finds out what it is called with: leave it out",
    "num_embeddings": "write categories=",
    "embedding_dim": "write columns=",
    "p": "write rate=",
    "eps": "write epsilon=",
    "stddev": "write std=",
    "elementwise_affine": "write use_scale= and use_offset=",
    "affine": "write use_scale= and use_offset=",
    "center": "write use_offset=",
    "dtype": "the model has a dtype, its layers have not",
    "bias": "write use_bias=",
    "axis": "leave it out: rows are examples, a layer sees columns",
    "dim": "leave it out: rows are examples, a layer sees columns",
    "seed": "leave it out: fit and predict have a seed",
    "inplace": "leave it out",
    "device": "leave it out: fastmlp computes on the CPU",
    "track_running_stats": "leave it out: running statistics are always kept",
    "num_parameters": "write shared=",
    "shared_axes": "write shared=",
    **dict.fromkeys(("init", "alpha_initializer"), "write slopes_initializer="),
    **dict.fromkeys(
        ("negative_slope", "alpha"),
        "write it with the activation's name: 'leaky_relu(slope=0.2)', 'elu(alpha=0.5)'",
    ),
    "approximate": "write 'gelu_tanh' for the approximation",
    "scale": "write use_scale=",
    "rms_scaling": "write RMSNorm()",
    **dict.fromkeys(
        ("beta_initializer", "gamma_initializer"), "leave it out: they begin as 0 and 1"
    ),
    **dict.fromkeys(
        ("moving_mean_initializer", "moving_variance_initializer"),
        "leave it out: they begin as 0 and 1",
    ),
    "embeddings_initializer": "write initializer=",
    "embeddings_constraint": "write max_norm= for the norm of each row",
    **dict.fromkeys(
        ("embeddings_regularizer", "beta_regularizer", "gamma_regularizer"),
        "leave it out: weights of products alone are penalised",
    ),
    "activity_regularizer": "leave it out; a loss of the user's own can add a penalty",
    **dict.fromkeys(
        ("bias_constraint", "beta_constraint", "gamma_constraint"),
        "leave it out: weights alone are bounded, by max_norm=",
    ),
    **dict.fromkeys(("mask_zero", "padding_idx"), "leave it out: every category has its row"),
    "input_length": "leave it out: a layer finds out what it is called with",
    "noise_shape": "leave it out: every number is dropped on its own",
    "weights": "build the model, then assign to the layer's arrays, or call set_weights",
}
# Arguments of `Input` elsewhere.
OF_INPUT = {
    **dict.fromkeys(("shape", "input_shape", "batch_shape"), "write Input(columns)"),
    "batch_size": "leave it out: any number of rows can be given",
    "dtype": "the model has a dtype, its inputs have not",
    "sparse": "leave it out: sparse matrices are taken as they are",
}
# What layers there are for operators between values: a and b are what layers have returned.
OPERATORS = {
    "+": "write add([a, b]), or Rescaling(1, 0.5)(a) for a + 0.5",
    "-": "write add([a, Rescaling(-1)(b)]), or Rescaling(1, -0.5)(a) for a - 0.5",
    "*": "write multiply([a, b]), or Rescaling(0.5)(a) for 0.5 * a",
    "/": "write Rescaling(1 / 3)(a) for a / 3, or Lambda(lambda a, b: a / b)([a, b])",
    "-a": "write Rescaling(-1)(a)",
    "**": "write Lambda(lambda a: a**2)(a)",
    "@": "write Dense(units)(a), or Lambda(lambda a, b: fastmlp.graph.sum(a * b, axis=1))([a, b])",
    "[]": "write Lambda(lambda a: a[:, 0:2])(a)",
}
# Attributes of such values elsewhere.
OF_SYMBOLS = {
    **dict.fromkeys(("shape", "output_shape", "size"), "write columns; rows are any number"),
    "dtype": "write dtype of the model",
    **dict.fromkeys(("numpy", "detach", "values"), "write activations(X) of the model"),
    "T": "rows are examples, and stay so",
}
