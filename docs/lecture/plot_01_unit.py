r"""
1. Unit, layer, network
=======================

TODO
"""

import fastmlp as fm

fm.MLP([2, 1])
