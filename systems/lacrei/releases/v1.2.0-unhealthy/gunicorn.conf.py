"""How gunicorn serves it: `gunicorn lacrei.wsgi`, in this folder."""

import os

bind = f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WORKERS", "1"))
threads = 8
graceful_timeout = 5
control_socket_disable = True  # nobody is to steer it but by signals
