#!/bin/sh
# Two objects below a prefix, one of which has an empty part in its name: songs/a//b.mid, a valid key of S3.
# Guess: a listing gives both keys, or at least the other one.
# Behaviour: obstore gives neither and raises InvalidPathError for the whole listing, although the server has
# answered with both keys; boto3 lists them. So one object of a bucket hides all others.
# Seen on 1 December 2026 with Python 3.11 and obstore==0.12.1, moto[server]==5.1.15, boto3==1.42.1.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server"; fi; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'obstore==0.12.1' 'moto[server]==5.1.15' 'boto3==1.42.1'

cat >"$folder/serve.py" <<'PROGRAM'
import sys
import time

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
with open(sys.argv[1], "w") as file:
    file.write(f"http://{':'.join(map(str, server.get_host_and_port()))}\n")
time.sleep(600)
PROGRAM

cat >"$folder/look.py" <<'PROGRAM'
import sys

import boto3
import obstore
from obstore.store import S3Store

login = {"aws_access_key_id": "key", "aws_secret_access_key": "word"}
client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", **login)
client.create_bucket(Bucket="lake")
store = S3Store("lake", endpoint=sys.argv[1], region="us-east-1", client_options={"allow_http": True}, **login)


def look():
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="lake", Prefix="songs/")["Contents"]]
    try:
        found = [item["path"] for page in obstore.list(store, "songs/") for item in page]
    except Exception as error:
        found = type(error).__name__
    print("boto3", keys, "obstore", found)


client.put_object(Bucket="lake", Key="songs/c.mid", Body=b"x")
look()
client.put_object(Bucket="lake", Key="songs/a//b.mid", Body=b"x")
look()
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
boto3 ['songs/c.mid'] obstore ['songs/c.mid']
boto3 ['songs/a//b.mid', 'songs/c.mid'] obstore InvalidPathError
OUTPUT

"$folder/venv/bin/python" "$folder/serve.py" "$folder/address" >"$folder/log" 2>&1 &
server=$!
while [ ! -s "$folder/address" ]; do sleep 0.2; done
"$folder/venv/bin/python" "$folder/look.py" "$(cat "$folder/address")" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
