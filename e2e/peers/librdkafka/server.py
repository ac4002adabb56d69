"""The cluster of three Kafka brokers that librdkafka has for tests, and a door at its back.

Its first line says where one of the brokers is, and where the door is: records are put by librdkafka's producer (POST /TOPIC,
one a line; `compression`), and all records of a topic are told (GET /TOPIC).
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from confluent_kafka import Consumer, Producer, TopicPartition

# Who begins the cluster keeps it.
OWNER = Producer({"bootstrap.servers": "", "test.mock.num.brokers": 3, "log_level": 0})
BROKERS = [f"{broker.host}:{broker.port}" for broker in OWNER.list_topics(timeout=10).brokers.values()]


def put(topic, lines, compression):
    failed = []
    producer = Producer({"bootstrap.servers": ",".join(BROKERS), "compression.type": compression, "linger.ms": 5})
    for line in lines:
        producer.produce(topic, line, headers={"tenant": "t1"},
                         on_delivery=lambda error, _: failed.append(str(error)) if error else None)
        producer.poll(0)
    producer.flush(30)
    return failed


def told(topic):
    consumer = Consumer({"bootstrap.servers": ",".join(BROKERS), "group.id": "door", "enable.auto.commit": False})
    records = []
    try:
        for index in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            first, last = consumer.get_watermark_offsets(TopicPartition(topic, index), timeout=10)
            consumer.assign([TopicPartition(topic, index, first)])
            while first < last:
                message = consumer.poll(10)
                if message is None or message.error():
                    raise RuntimeError(f"partition {index}: {message and message.error()}")
                first = message.offset() + 1
                records.append({
                    "partition": index,
                    "key": message.key() and message.key().decode(),
                    "value": message.value().decode(),
                    "headers": {name: value.decode() for name, value in message.headers() or []},
                })
    finally:
        consumer.close()
    return records


class BackDoor(BaseHTTPRequestHandler):
    def answer(self, status, value):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def do_GET(self):
        self.answer(200, told(self.path[1:]))

    def do_POST(self):
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        compression = parse_qs(parts.query).get("compression", ["none"])[0]
        failed = put(parts.path[1:], body.splitlines(), compression)
        self.answer(500 if failed else 200, failed)

    def log_message(self, *_):
        pass


def main():
    door = ThreadingHTTPServer(("127.0.0.1", 0), BackDoor)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    print(f"kafka://{BROKERS[0]}", f"http://127.0.0.1:{door.server_port}", flush=True)
    # It ends with its standard input.
    sys.stdin.read()
    os._exit(0)


main()
