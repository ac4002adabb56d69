"""Paramiko as an SFTP server that does little: a key of RSA, no rename over what is there, at most 10,000 bytes at once.

Its first line says where it is, the folder of its files, and the fingerprint of its key.
"""

import base64
import hashlib
import os
import shutil
import socket
import sys
import tempfile
import threading

import paramiko

NAME, PASSWORD = "sinew", "sinew-test-password"
AT_ONCE = 10_000


class Door(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return "password"

    def check_auth_password(self, username, password):
        known = (username, password) == (NAME, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, number):
        return paramiko.OPEN_SUCCEEDED


class Opened(paramiko.SFTPHandle):
    def __init__(self, path, flags):
        super().__init__(flags)
        self.file = os.open(path, flags, 0o644)
        # Some servers do, when what is below them breaks.
        self.ends_early = path.endswith("ends-early.txt")

    def close(self):
        os.close(self.file)

    def read(self, offset, length):
        if self.ends_early and offset > 0:
            return paramiko.SFTP_EOF
        return os.pread(self.file, min(length, AT_ONCE), offset)

    def write(self, offset, data):
        os.pwrite(self.file, data, offset)
        return paramiko.SFTP_OK

    def stat(self):
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.file))


def answered(act):
    try:
        done = act()
    except OSError as error:
        return paramiko.SFTPServer.convert_errno(error.errno)
    return paramiko.SFTP_OK if done is None else done


def entry(folder, name):
    said = paramiko.SFTPAttributes.from_stat(os.lstat(os.path.join(folder, name)))
    said.filename = name
    return said


class Files(paramiko.SFTPServerInterface):
    def list_folder(self, path):
        return answered(lambda: [entry(at(path), name) for name in os.listdir(at(path))])

    def stat(self, path):
        return answered(lambda: paramiko.SFTPAttributes.from_stat(os.stat(at(path))))

    lstat = stat

    def open(self, path, flags, attr):
        return answered(lambda: Opened(at(path), flags))

    def mkdir(self, path, attr):
        return answered(lambda: os.mkdir(at(path)))

    def remove(self, path):
        return answered(lambda: os.remove(at(path)))

    def rename(self, oldpath, newpath):
        if os.path.exists(at(newpath)):
            return paramiko.SFTP_FAILURE
        return answered(lambda: os.rename(at(oldpath), at(newpath)))


FOLDER = tempfile.mkdtemp(prefix="sinew-paramiko-")


def at(path):
    return os.path.join(FOLDER, os.path.normpath("/" + path).lstrip("/"))


def serve(connection, key):
    transport = paramiko.Transport(connection)
    transport.add_server_key(key)
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
    transport.start_server(server=Door())


def accept(listener, key):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, key), daemon=True).start()


def main():
    for folder in ["in/deep", "out", "done"]:
        os.makedirs(os.path.join(FOLDER, folder))
    key = paramiko.RSAKey.generate(2048)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, args=(listener, key), daemon=True).start()
    shown = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    print(f"sftp://127.0.0.1:{listener.getsockname()[1]}", FOLDER, f"SHA256:{shown}", flush=True)
    # It ends with its standard input.
    sys.stdin.read()
    shutil.rmtree(FOLDER, ignore_errors=True)
    os._exit(0)


main()
