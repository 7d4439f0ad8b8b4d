"""TF-IDF + logistic regression on the splits that Temper wrote: what a ceiling has to reach.

    python bench/safety_baseline.py FOLDER [FOLDER ...]

The folders (a store, or artifacts in it) are searched for items and truth of B and test, told apart by their columns;
a file of truth belongs to the items with the same ids. Trains on B's truth, as the ceiling does.
Needs scikit-learn and pyarrow.
"""

import pathlib
import re
import sys

import numpy as np
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

SHARD = re.compile(r"^(B|test)-\d{5}-of-\d{5}\.parquet$")


def read(folders):
    """Items and truth as {split: {folder: {id: text or label}}}."""
    tables = {}
    for path in sorted(p for folder in folders for p in pathlib.Path(folder).rglob("*.parquet")):
        match = SHARD.match(path.name)
        if match:
            tables.setdefault((path.parent, match[1]), []).append(pq.read_table(path).to_pydict())
    items, truth = {}, {}
    for (folder, split), shards in tables.items():
        rows = {name: sum((shard[name] for shard in shards), []) for name in shards[0]}
        if "text" in rows:
            items.setdefault(split, {})[folder] = dict(zip(rows["id"], rows["text"]))
        elif "probabilities" not in rows:
            truth.setdefault(split, {})[folder] = dict(zip(rows["id"], rows["label"]))
    return items, truth


def seeds(items, truth):
    """(folder of items, {split: (texts, labels)}) for every seed whose truth is in the store."""

    def with_labels(split, texts):
        for labels in truth[split].values():
            if labels.keys() == texts.keys():
                return list(texts.values()), [labels[i] for i in texts]
        return None

    for folder in items["test"].keys() & items["B"].keys():
        found = {split: with_labels(split, items[split][folder]) for split in ("test", "B")}
        if None not in found.values():
            yield folder, found


def models():
    words = lambda: TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
    characters = lambda: TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(2, 5), min_df=2)
    yield "words", make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    yield "words, pairs", make_pipeline(words(), LogisticRegression(C=10, max_iter=1000))
    yield "words, pairs, letters", make_pipeline(make_union(words(), characters()), LogisticRegression(C=10, max_iter=1000))


def main(folders):
    if not folders:
        sys.exit(__doc__)
    items, truth = read(folders)
    if not all(items.get(split) and truth.get(split) for split in ("B", "test")):
        sys.exit(f"{', '.join(folders)}: expected items and truth of B and test (…/B-00000-of-….parquet)")
    scores = {}
    for folder, found in seeds(items, truth):
        texts, labels = found["test"]
        print(f"{folder}: " + ", ".join(f"{split} {len(t)}" for split, (t, _) in found.items()))
        for name, model in models():
            accuracy = model.fit(*found["B"]).score(texts, labels)
            scores.setdefault(name, []).append(accuracy)
            print(f"  {name}: {accuracy:.4f}")
    for name, values in scores.items():
        print(f"mean over {len(values)} seeds, {name}: {np.mean(values):.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])
