#!/bin/sh
# shellcheck disable=SC2086 # several options
exec java ${KAFKA_HEAP_OPTS:--Xmx256m} -cp '/opt/kafka/libs/*:/opt/kafka/tools/*' \
  org.apache.kafka.tools.BrokerApiVersionsCommand "$@"
