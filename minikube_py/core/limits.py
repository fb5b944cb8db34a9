"""Bounds of the program, with unit and source; those that one module alone knows stand there."""

from __future__ import annotations

# Levels of objects and arrays in a document. Upstream's bound is 10,000; readers here recurse, and every later one must manage what is
# stored.
DOCUMENT_LEVELS_MAX = 200
# Largest request body, largest stored object, and largest one that is offered to a store. Source: apiserver's MaxRequestBodyBytes,
# etcd's --max-request-bytes, go.etcd.io/etcd/client/v3/options.go (defaultMaxCallSendMsgSize).
REQUEST_BYTES_MAX = 3 * 1024 * 1024
OBJECT_BYTES_MAX = 1536 * 1024
MESSAGE_BYTES_MAX = 2 * 1024 * 1024
# Headers that a request may have. Go bounds their bytes alone; front proxies send one for each of a user's groups.
HEADERS_MAX = 8192
# Seconds that a request waits for a revision that is yet to come. Source: k8s.io/apiserver/pkg/storage/cacher/watch_cache.go (blockTimeout)
REVISION_WAIT_S = 3.0
# Watch events kept per resource for clients that resume; beyond it they get 410 Expired.
WATCH_RING_EVENTS = 4096
# Bytes that a watch connection may have unsent before it is closed.
WATCH_BACKLOG_BYTES_MAX = 4 * 1024 * 1024
# Events an in-process watcher may have unread before it is closed.
WATCH_QUEUE_EVENTS_MAX = 16384
# Writes that one SQLite transaction takes.
STORE_BATCH_WRITES_MAX = 512
# Writes waiting for the disk; beyond it the API answers 429.
STORE_QUEUE_WRITES_MAX = 16384
# Revisions reserved on disk ahead of use; a crash skips at most as many.
STORE_REVISIONS_RESERVED = 1_000_000
# Seconds that a relaxed write may wait for the disk.
STORE_RELAXED_FLUSH_S = 300.0
# Pages of a list: seconds that a continue token lives, and snapshots held.
CONTINUE_TOKEN_S = 300.0
CONTINUE_SNAPSHOTS_MAX = 256
# Back-off of a failing key in a controller's queue. Source: client-go DefaultControllerRateLimiter.
REQUEUE_BACKOFF_MIN_S = 0.005
REQUEUE_BACKOFF_MAX_S = 1000.0
# Keys that one work queue may hold.
WORKQUEUE_KEYS_MAX = 1_000_000
# Bearer tokens that somebody else is being asked about, and questions that one webhook is being asked.
TOKENS_ASKED_MAX = 1024
WEBHOOK_CALLS_MAX = 1024
# Names answered from the DNS cache.
DNS_CACHE_ENTRIES_MAX = 4096
