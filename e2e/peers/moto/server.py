"""Moto as an object store that checks signatures, with a bucket `shop` and one user.

Its first line says where it is, the user's access key and secret key, and where a door at the back is: there objects are
looked at (GET /KEY) and put (POST /KEY) without any signature, and it tells which parts of objects were asked for
(GET /?ranges).
"""

import datetime
import json
import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
os.environ.setdefault("AWS_ACCESS_KEY_ID", "setup")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "setup")

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

RANGES = []

ACCOUNT = "123456789012"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
          {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::shop/kept/*"}]}


def bucket():
    from moto.s3.models import s3_backends
    return s3_backends[ACCOUNT]["aws"]


class BackDoor(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/?ranges":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(RANGES).encode())
            return
        key = unquote(urlsplit(self.path).path[1:])
        found = bucket().get_object("shop", key)
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            self.wfile.write(found.value)

    def do_POST(self):
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = parse_qs(parts.query)
        body = body * int(query.get("times", ["1"])[0])
        put = bucket().put_object("shop", unquote(parts.path[1:]), query.get("begin", [""])[0].encode() + body)
        if "modified" in query:
            put.last_modified = datetime.datetime.fromtimestamp(int(query["modified"][0]), datetime.timezone.utc).replace(tzinfo=None)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    moto = DomainDispatcherApplication(create_backend_app)

    def app(environ, start):
        if environ.get("HTTP_RANGE"):
            RANGES.append(environ["HTTP_RANGE"])
        return moto(environ, start)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.port}"
    setup = {"endpoint_url": url}
    boto3.client("s3", **setup).create_bucket(
        Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    iam = boto3.client("iam", **setup)
    iam.create_user(UserName="sinew")
    iam.put_user_policy(UserName="sinew", PolicyName="files", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="sinew")["AccessKey"]
    door = ThreadingHTTPServer(("127.0.0.1", 0), BackDoor)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    # From here on every request has to be signed.
    from moto import settings
    from moto.core.responses import ActionAuthenticatorMixin
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin.request_count = 0
    ActionAuthenticatorMixin.PUBLIC_OPERATIONS = []
    print(url, key["AccessKeyId"], key["SecretAccessKey"], f"http://127.0.0.1:{door.server_port}", flush=True)
    # It ends with its standard input.
    sys.stdin.read()
    os._exit(0)


main()
