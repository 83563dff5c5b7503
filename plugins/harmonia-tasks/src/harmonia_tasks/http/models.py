"""Input and output of `http`."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from harmonia_tasks.http import body_paths, statuses

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
GIB = 1024**3

Scalar = str | int | float | bool
Query = dict[str, Scalar | list[Scalar] | None]


def _path(text: str) -> str:
    body_paths.steps(text)
    return text


def _expected(value: Any) -> Any:
    statuses.ranges(value)
    return value


BodyPath = Annotated[str, AfterValidator(_path)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Basic(_Part):
    """Hold a user's name and password."""

    username: str
    password: str = ""


class Auth(_Part):
    """Hold credentials for the Authorization header, one of the two; usually secrets."""

    bearer: str | None = Field(default=None, min_length=1)
    basic: Basic | None = None


class Content(_Part):
    """Hold the bytes of a body or of a part of one: exactly one of text, base64 and artifact.

    artifact: the reference that an earlier task gave as its output.
    """

    text: str | None = None
    base64: str | None = None
    artifact: Any = None
    media_type: str | None = None


class FormPart(Content):
    """Hold one part of a multipart body; with a filename the other side takes it as a file."""

    name: str = Field(min_length=1)
    filename: str | None = None


class Timeouts(_Part):
    """Hold seconds per phase of one request: connecting, a read, a write, a free connection.

    total: of the whole request, redirects and body included; None: 300 or twice `read`, of files no limit.
    """

    connect: Seconds = 10.0
    read: Seconds = 60.0
    write: Seconds = 60.0
    pool: Seconds = 60.0
    total: Seconds | None = None


class ResponseSpec(_Part):
    """Say what becomes of the response.

    as: how the body is given; `auto` goes by its media type. to: `artifact` keeps it as a file.
    name, media_type: of the artifact, by default those of the URL and of the response.
    max_bytes: of the body; headers: names that are given although they may hold credentials.
    """

    as_: Literal["auto", "json", "text", "bytes", "none"] = Field(default="auto", alias="as")
    to: Literal["artifact"] | None = None
    name: str | None = Field(default=None, min_length=1, max_length=255)
    media_type: str | None = None
    max_bytes: int | None = Field(default=None, ge=1, le=GIB)
    headers: tuple[str, ...] = ()


class Paginate(_Part):
    """Say how one page leads to the next.

    items: where the list of items is in a page; empty: the page is the list.
    link: the header `Link: rel=next`, or with `next` a URL in the body.
    cursor: a value in the body goes into `cursor_param`; null, empty or missing ends it.
    page, offset: counted from `start`; a page without items ends it, so does a shorter one.
    more: place of a boolean that says whether there is another page. total: place of the
        number of all items. send: where parameters go.
    max_pages: more than that is an error. max_items: enough, the rest is not fetched.
    """

    by: Literal["link", "cursor", "page", "offset"]
    items: BodyPath = ""
    next: BodyPath | None = None
    cursor: BodyPath | None = None
    more: BodyPath | None = None
    total: BodyPath | None = None
    cursor_param: str = "cursor"
    page_param: str = "page"
    offset_param: str = "offset"
    size_param: str | None = None
    size: int | None = Field(default=None, ge=1)
    start: int | None = Field(default=None, ge=0)
    send: Literal["query", "json"] = "query"
    max_pages: int = Field(default=100, ge=1)
    max_items: int | None = Field(default=None, ge=1)


class HttpInput(_Part):
    """Input of `http`. A URL is whole, or relative to the base URL of a named connection.

    json, form, multipart, body: what is sent, one of them at most.
    expect: statuses that are a success. redirects: how many are followed.
    idempotency_key: send the stable key of the task with POST, PUT, PATCH and DELETE, in
        `Idempotency-Key` or in the header named here.
    attempt_header: name of a header that takes the number of the attempt.
    """

    connection: str | None = ""
    url: str
    method: str = "GET"
    query: Query = Field(default_factory=dict)
    headers: dict[str, Scalar] = Field(default_factory=dict)
    auth: Auth | None = None
    json_: Any = Field(default=None, alias="json")
    form: Query | None = None
    multipart: list[FormPart] | None = None
    body: str | Content | None = None
    expect: Annotated[int | str | list[int | str], AfterValidator(_expected)] = "2xx"
    response: Literal["auto", "json", "text", "bytes", "none", "file"] | ResponseSpec = "auto"
    paginate: Paginate | None = None
    redirects: int = Field(default=5, ge=0, le=20)
    timeouts: Timeouts = Timeouts()
    idempotency_key: bool | str = True
    attempt_header: str | None = None

    @field_validator("method", mode="after")
    @classmethod
    def _upper(cls, method: str) -> str:
        return method.upper()

    @field_validator("url", mode="after")
    @classmethod
    def _whole_or_relative(cls, url: str, info: ValidationInfo) -> str:
        # Not given is "", while an expression whose value is not known yet stands as null.
        if info.data.get("connection") == "" and "://" not in url:
            raise ValueError(f"{url!r} is not a whole URL (https://…), and no connection is named")
        return url

    @property
    def has_json(self) -> bool:
        """Tell whether there is a JSON body; null is one."""
        return "json_" in self.model_fields_set

    @property
    def answer(self) -> ResponseSpec:
        """Return what becomes of the response, the short forms written out."""
        if isinstance(self.response, ResponseSpec):
            return self.response
        if self.response == "file":
            return ResponseSpec(to="artifact")
        return ResponseSpec.model_validate({"as": self.response})


class HttpOutput(BaseModel):
    """Output of `http`.

    headers: names in lower case. body: null if it went to an artifact. url: of the last
    redirect, of the first page. elapsed: seconds. pages, items: with `paginate` only.
    """

    model_config = ConfigDict(defer_build=True)

    status: int
    headers: dict[str, str | list[str]]
    url: str
    elapsed: float
    body: Any = None
    artifact: dict[str, Any] | None = None
    pages: int | None = None
    items: int | None = None
