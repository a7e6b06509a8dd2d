# tenantctl's image: the reconciler, the bridge and the command line. BASE has Python 3.11 or newer with venv;
# an index, proxies and certificates of a site come from the builder (pip.conf, mounts), never from this file.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS dependencies
RUN command -v git >/dev/null && command -v ssh >/dev/null && test -e /etc/ssl/certs/ca-certificates.crt \
    || { apt-get update && apt-get install -y --no-install-recommends git openssh-client ca-certificates \
    && rm -rf /var/lib/apt/lists/*; }
RUN groupadd --gid 65532 tenantctl && useradd --uid 65532 --gid 65532 --home-dir /tmp --no-create-home tenantctl \
    && python3 -m venv /opt/tenantctl
# A layer of their own: a change of the source alone installs none of them again.
COPY pyproject.toml /build/
RUN python3 -c "import tomllib; print(*tomllib.load(open('/build/pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
    > /build/requirements.txt \
    && /opt/tenantctl/bin/pip install --no-cache-dir --requirement /build/requirements.txt

FROM dependencies AS wheel
RUN python3 -c "import tomllib; print(*tomllib.load(open('/build/pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')" \
    > /build/build-requirements.txt \
    && python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --requirement /build/build-requirements.txt
COPY . /build/
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheel /build

FROM dependencies
# pip compiles to bytecode here, since the user below can't: pods start faster for it.
COPY --from=wheel /wheel /wheel
RUN /opt/tenantctl/bin/pip install --no-index --no-deps --no-cache-dir /wheel/*.whl
ENV PATH=/opt/tenantctl/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 65532:65532
ENTRYPOINT ["tenantctl"]
