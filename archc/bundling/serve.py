"""An example server for the model beside it: POST an image to /classify.

pip install 'archc[runtime,serve]', then `uvicorn serve:app` in this folder.
"""

import io
import os
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from PIL import Image

import archc
from archc.runtime.inputs import Inputs, Sample
from archc.runtime.labels import Classes
from archc.runtime.predict import Run, predict
from archc.runtime.report import as_json

LIMIT = 16 << 20  # bytes of an upload
Image.MAX_IMAGE_PIXELS = 32_000_000  # Pillow refuses images of more than twice as many
MODEL = max(Path(__file__).resolve().parent.glob("[1-9]*/model.onnx"), key=lambda path: int(path.parent.name))

session = archc.session(MODEL, device=os.environ.get("ARCHC_DEVICE", "cpu"))
prepare = Inputs(session).image()  # Inputs(session, {"resize": 256, …}) where the model does not say
classes = Classes.of(session.outputs, session.metadata)
app = FastAPI(title=MODEL.parts[-3])


async def upload(request: Request) -> bytes:
    """The image: the request's body, or the one file of a form."""
    if int(request.headers.get("content-length", LIMIT + 1)) > LIMIT:
        raise HTTPException(413, f"send one image of at most {LIMIT >> 20} MiB, with its Content-Length")
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1) as form:
        files = [part for part in form.values() if not isinstance(part, str)]
        return await files[0].read() if files else b""


@app.post("/classify")
def classify(image: Annotated[bytes, Depends(upload)], top: Annotated[int, Query(ge=1)] = 5) -> dict[str, Any]:
    """What `archc run --format json` says of the image: output → its best classes, the best first."""
    (run,) = predict(session, [Sample("the image", prepare(io.BytesIO(image)))], batch=1)
    assert isinstance(run, Run)
    return as_json(run, classes, top)[0]


@app.exception_handler(archc.ModelError)
def refuse(_: Request, error: archc.ModelError) -> JSONResponse:
    """What is no image, or none that the model takes, is the sender's to mend."""
    return JSONResponse({"detail": error.message}, 422)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok", "model": app.title, "version": MODEL.parent.name, "device": session.device}
