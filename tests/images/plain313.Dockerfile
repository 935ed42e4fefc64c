# Python 3.13 and NumPy, and nothing of Jupyter: a kernel must be carried in.
FROM jgc-test/debian13:py313
RUN dpkg-query --show --showformat '${db:Status-Abbrev}${Package}\n' 'python3-*' \
  | sed -n 's/^ii //p' \
  | grep -v -x -E 'python3-(minimal|numpy|numpy-dev|pkg-resources)' \
  | xargs dpkg --purge --force-depends --force-remove-essential
