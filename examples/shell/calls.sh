#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -eu
server=${GPUVIGIL_SERVER:-http://127.0.0.1:8080}

curl -fsS "$server/api/v1/gpu/status"
curl -fsS "$server/api/v1/gpu/kernels?sort_by=total_time&limit=5"
curl -fsS "$server/api/v1/gpu/alerts?state=all"
curl -fsS "$server/api/v1/gpu/report?format=text"
gpuvigil watch --server "$server" --interval-ms 500 --count 2 --json
