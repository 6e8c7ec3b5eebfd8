"""Alibaba Cloud's Paraformer (livekit-plugins-aliyun 1.8.1):
sttkit check examples/third_party/aliyun.py:build
"""

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, session, text, time
from sttkit.events import Config, EndOfStream, Final, Interim, Ready, SessionEnded


def event(name, **payload):
    return {"header": {"event": Is(name), "task_id": session()}, "payload": payload}


def sentence(*, ends):
    return {
        "sentence": {
            "text": text(),
            "sentence_end": Is(ends),
            "begin_time": time("start", per_s=1000),
            "end_time": time("end", per_s=1000),
        }
    }


DIALECT = from_tables(
    name="aliyun",
    source="help.aliyun.com/zh/model-studio, Paraformer WebSocket API; its plugin 1.8.1",
    host="dashscope.aliyuncs.com",
    door=Door("/api-ws/v1/inference", settings=()),
    ears=Ears(
        controls={"run-task": Config, "finish-task": EndOfStream()},
        kind_of=lambda message: (message.get("header") or {}).get("action"),
        first="run-task",
        settings="payload.parameters",
    ),
    sayings=(
        Saying(Ready, event("task-started")),
        Saying(Interim, event("result-generated", output=sentence(ends=False))),
        Saying(Final, event("result-generated", output=sentence(ends=True))),
        Saying(SessionEnded, event("task-finished")),
    ),
    errors={
        "timeout": ProviderFailure(
            "request timeout after 23 seconds.",
            '{"header":{"event":"task-failed","error_code":"CLIENT_ERROR",'
            '"error_message":"request timeout after 23 seconds."},"payload":{}}',
            (1007, "request timeout"),
        ),
    },
    unknown={"header": {"event": "mystery"}, "payload": {}},
    facts=Facts(
        greeting="on-config", greeting_required=True, flush_message=False, signals_start=False
    ),
)


def build(context):
    from livekit.plugins.aliyun import STT

    plugin = STT(api_key=context.api_key, http_session=context.http_session)
    # It has no option for another server.
    plugin._opts.get_ws_url = lambda: f"{context.place.ws}/api-ws/v1/inference"
    return plugin


build.dialect = f"{__file__}:DIALECT"
build.package = "livekit-plugins-aliyun"
build.batch = False
