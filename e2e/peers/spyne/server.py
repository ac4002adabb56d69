"""Web services by a toolkit that nobody here wrote, in SOAP 1.1 and 1.2. They listen on a free port, say where on the first
line, and end when the standard input does."""

import logging
import os
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

from spyne import (
    Application, Array, Boolean, ByteArray, ComplexModel, DateTime, Decimal, Enum, Fault, Integer, Iterable,
    Mandatory, ServiceBase, Unicode, XmlAttribute, XmlData, rpc,
)
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication

SPACE = "urn:warehouse"
# The faults that tests provoke are no news.
logging.disable(logging.CRITICAL)


class Amount(ComplexModel):
    __namespace__ = SPACE
    currency = XmlAttribute(Unicode(max_len=3), use="required")
    value = XmlData(Decimal)


Level = Enum("low", "high", type_name="Level")


class Part(ComplexModel):
    __namespace__ = SPACE
    sku = Unicode(min_occurs=1)
    count = Integer(min_occurs=1)


class Article(ComplexModel):
    __namespace__ = SPACE
    id = XmlAttribute(Integer)
    name = Unicode(min_occurs=1)
    price = Amount
    level = Level
    since = DateTime
    note = Unicode(nillable=True, min_occurs=1)
    tags = Unicode(max_occurs="unbounded")
    parts = Array(Part)


class Assembly(Article):
    __namespace__ = SPACE
    steps = Integer(max_occurs="unbounded")


class Caller(ComplexModel):
    __namespace__ = SPACE
    tenant = Unicode
    token = Unicode


class OutOfStock(Fault):
    __namespace__ = SPACE
    detail = None

    def __init__(self, sku, left):
        super().__init__("Client.OutOfStock", f"there are {left} of {sku}", detail={"left": left})


class Warehouse(ServiceBase):
    __tns__ = SPACE

    @rpc(Integer, Integer, _returns=Integer)
    def Add(ctx, a, b):
        """The sum."""
        return a + b

    @rpc(Article, _returns=Article)
    def EchoArticle(ctx, article):
        return article

    @rpc(Unicode, Integer(ge=0, le=1000), _returns=Iterable(Unicode))
    def Repeat(ctx, text, times):
        return [text] * times

    @rpc(ByteArray, _returns=ByteArray)
    def EchoFile(ctx, file):
        return file

    @rpc(Decimal, _returns=Decimal)
    def EchoDecimal(ctx, value):
        return value

    @rpc(DateTime, _returns=DateTime)
    def EchoTime(ctx, at):
        return at

    @rpc(Mandatory(Unicode), _returns=Boolean)
    def IsThere(ctx, sku):
        return sku == "A-1"

    @rpc(Unicode, Integer, _throws=OutOfStock, _returns=Integer)
    def TakeOut(ctx, sku, count):
        if count > 5:
            raise OutOfStock(sku, 5)
        return 5 - count

    @rpc(Unicode, _returns=Unicode)
    def Break(ctx, how):
        if how == "client":
            raise Fault("Client.Wrong", "what you sent is wrong")
        if how == "server":
            raise Fault("Server.Busy", "not now")
        raise RuntimeError("something broke")

    @rpc(_in_header=(Caller,), _out_header=(Caller,), _returns=Unicode)
    def WhoAmI(ctx):
        ctx.out_header = Caller(tenant=ctx.in_header.tenant)
        return ctx.in_header.tenant


def application(protocol):
    return WsgiApplication(
        Application([Warehouse], SPACE, name="Warehouse", in_protocol=protocol(validator="lxml"), out_protocol=protocol())
    )


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def main():
    mounted = {"soap11": application(Soap11), "soap12": application(Soap12)}

    def serve(environ, start_response):
        name, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
        if name not in mounted:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"there is nothing here"]
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = f"/{name}", f"/{rest}" if rest else ""
        return mounted[name](environ, start_response)

    server = make_server("127.0.0.1", 0, serve, handler_class=Quiet)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


main()
