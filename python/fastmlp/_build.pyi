# Written by CMakeLists.txt when the core is built.
BUILD_TYPE: str
