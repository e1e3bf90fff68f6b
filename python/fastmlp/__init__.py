"""Multilayer perceptrons on a CPU: a C++ core, a familiar API, the mathematics in view.

>>> import fastmlp as fm
>>> model = fm.MLP([2, 8, 1], activation="tanh", output="logistic", seed=0)
>>> X, t = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
>>> history = model.fit(X, t, optimizer=fm.Adam(0.05), epochs=500, batch_size=4, verbose=False)
>>> (model.predict(X) > 0.5).ravel().tolist()
[False, True, True, False]

Importing it loads NumPy and the extension; scikit-learn, matplotlib and tqdm load when first used.
"""

from __future__ import annotations

# The kernels for this processor are chosen here, and a wrong FASTMLP_ISA is an error here.
from fastmlp import _core as _core
from fastmlp import _lazy

# Module -> the public names it gives. Everything is loaded when first used, so that an import costs
# what it is used for; `__init__.pyi` tells type checkers and editors the same.
__getattr__, __dir__, _HOME = _lazy.attach(
    __name__,
    {
        **{
            module: module
            for module in (
                "activations",
                "data",
                "datasets",
                "exercises",
                "export",
                "graph",
                "initializers",
                "losses",
                "metrics",
                "planner",
                "plot",
            )
        },
        "callbacks": "CSVLogger Callback Checkpoint EarlyStopping ModelCheckpoint "
        "ReduceLROnPlateau TensorBoard callbacks",
        "config": "__version__ get_num_threads set_num_threads show_versions",
        "estimators": "MLPClassifier MLPRegressor TabularClassifier TabularRegressor estimators "
        "from_sklearn to_sklearn",
        "export.conversions": "from_keras from_onnx from_torch to_torch",
        "graph.check": "check_gradients",
        "layers": (
            "Activation Add BatchNorm Concatenate Dense Dropout Embedding GaussianNoise Input "
            "Lambda LayerNorm Maximum Minimum Multiply NumericEmbedding PReLU ParametricActivation "
            "RMSNorm Rescaling Scale "
            "Tile add concat layers maximum minimum multiply"
        ),
        "models.direct": "least_squares",
        "models.loading": "load",
        "models.members": "Members",
        "models.model": "Model",
        "models.sequential": "MLP Sequential",
        "models.sweeps": "find_learning_rate",
        "networks.signal": "NoSignalWarning",
        "optimizers": "Adagrad Adam AdamW Adamax LBFGS Lion Muon Nadam RMSprop SGD optimizers",
        "schedules": "Coslog4 CosineDecay CosineRestarts ExponentialDecay FlatCosine "
        "InverseScaling OneCycle PolynomialDecay StepDecay Warmup schedules",
        "history": "History",
        "training.steps": "StepTrainer",
        "training.warned": "NonFiniteLossWarning",
    },
    instead=_lazy.ELSEWHERE,
)
__all__ = sorted(_HOME)
