"""FastAPI + scikit-learn doing only the prediction of bench/peer.ts: argv = a JSON file with feature columns and labels, and a port.
Fits 100 trees of 31 leaves on the rows it is given, then answers POST /api/v1/predict; writes no event, checks only types."""
import json
import sys

import numpy
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.ensemble import HistGradientBoostingClassifier

source, port = sys.argv[1], int(sys.argv[2])
with open(source) as file:
    table = json.load(file)
airports = {name: code for code, name in enumerate(sorted({*table["origin"], *table["destination"]}))}


def named(column):
    return [airports[name] for name in table[column]]


x = numpy.column_stack([table["distance"], table["hour"], table["weekday"], named("origin"), named("destination")])
model = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, learning_rate=0.1, early_stopping=False)
model.fit(x.astype("f8"), numpy.array(table["label"]))


class Features(BaseModel):
    distance: float
    hour: int
    weekday: int
    origin: str
    destination: str


class Request(BaseModel):
    model: str
    features: Features


app = FastAPI()


@app.post("/api/v1/predict")
async def predict(request: Request):
    f = request.features
    row = [[f.distance, f.hour, f.weekday, airports.get(f.origin, -1), airports.get(f.destination, -1)]]
    return {"probability": float(model.predict_proba(numpy.array(row, dtype="f8"))[0, 1])}


uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
