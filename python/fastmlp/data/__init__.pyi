from fastmlp.data.parquet import Parquet as Parquet
from fastmlp.data.window import shuffled as shuffled
