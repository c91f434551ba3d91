"""What runs in the processes that tests start: reads code from standard input, line by line, and answers in JSON."""

import json
import os
import sys
import traceback

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "test_settings")
    django.setup()
    names: dict[str, object] = {}
    for line in sys.stdin:
        names["result"] = None
        try:
            exec(json.loads(line), names)
            answer = {"result": names["result"]}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
