"""Models as files of Keras, and back: an archive of JSON and HDF5, read and written without it."""
