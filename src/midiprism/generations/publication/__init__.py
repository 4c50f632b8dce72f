"""Publishes a result in object storage as tables that other programs know: Delta Lake and Apache Iceberg.

A publication has no data of its own: it names the Parquet files that the manifest names. It is derived, so it
can be removed and made again, and it states its generation.
"""
