"""Makes the Parquet manifests that the trainer's tests read: pyarrow, as pandas and others write them.

Run in this folder: python make_manifests.py (pyarrow 21 or later).
"""

import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table(
    {
        "track_id": ["a", "b", "c", "d"],
        "file": ["a.wav", "b.wav", None, "d.wav"],
        "liked": pa.array([3, None, 5, -7], pa.int64()),
        "share": pa.array([0.1, 0.25, None, 1e-07], pa.float64()),
        "small": pa.array([1, 2, None, 255], pa.uint8()),
        "live": pa.array([True, False, None, True], pa.bool_()),
        "artist": pa.array(["Ä", "B, C", 'say "x"', None]).dictionary_encode(),
    }
)
for codec in ["snappy", "zstd", "none"]:
    pq.write_table(table, f"manifest-{codec}.parquet", compression=codec)
pq.write_table(pa.table({"file": ["a.wav"], "tags": [["x", "y"]]}), "lists.parquet")

with open("manifest.csv", "w", encoding="utf-8") as out:
    out.write("track_id,file,liked,share,small,live,artist\n")
    out.write("a,a.wav,3,0.1,1,true,Ä\n")
    out.write('b,b.wav,,0.25,2,false,"B, C"\n')
    out.write('c,,5,,,,"say ""x"""\n')
    out.write("d,d.wav,-7,0.0000001,255,true,\n")
