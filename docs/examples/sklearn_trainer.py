"""A trainer for Flyball in scikit-learn: reads the lesson, fits a pipeline, writes one ONNX file.

    pip install scikit-learn skl2onnx pyarrow pandas
    npx flyball train --contract C --data D --trainer "python3 docs/examples/sklearn_trainer.py"

Features come under their own names, one input each, so that names stay names: text for nominal features, numbers for the rest.
"""

import json
import os

import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

contract = json.load(open(os.environ["FLYBALL_TRAIN_CONTRACT"]))
rows = pd.read_parquet(os.environ["FLYBALL_TRAIN_DATA"])
seed = int(os.environ["FLYBALL_TRAIN_SEED"])

features = list(contract["features"])
names = [f for f in features if contract["features"][f]["kind"] == "nominal"]
numbers = [f for f in features if f not in names]
for name in names:
    rows[name] = rows[name].fillna("")  # as a missing name is served
rows[numbers] = rows[numbers].astype("float32")
label = rows[contract["label"]["name"]].astype("int64")  # 1 is the contract's positive class

columns = ColumnTransformer(
    [
        ("names", OneHotEncoder(handle_unknown="ignore", min_frequency=20), names),
        ("numbers", SimpleImputer(strategy="median"), numbers),
    ]
)
trees = GradientBoostingClassifier(n_estimators=60, max_depth=3, random_state=seed)
# Nothing of the house calibrates a model made elsewhere, so it must come calibrated.
calibrated = CalibratedClassifierCV(trees, method="sigmoid", cv=StratifiedKFold(3, shuffle=True, random_state=seed))
model = make_pipeline(columns, calibrated).fit(rows[features], label)

onnx = to_onnx(
    model,
    initial_types=[(f, (StringTensorType if f in names else FloatTensorType)([None, 1])) for f in features],
    options={"zipmap": False},
    target_opset=17,
)
with open(os.environ["FLYBALL_TRAIN_OUTPUT"], "wb") as file:
    file.write(onnx.SerializeToString())
