# Sourced: where the node of a suite lives, for rabbitmq-server and rabbitmqctl.
export HOME=$SUITE_NODE/home
export RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_CONF_ENV_FILE=/dev/null
export RABBITMQ_MNESIA_BASE=$SUITE_NODE/mnesia RABBITMQ_LOG_BASE=$SUITE_NODE/logs
export RABBITMQ_CONFIG_FILE=$SUITE_NODE/rabbitmq.conf
export RABBITMQ_ENABLED_PLUGINS_FILE=$SUITE_NODE/enabled_plugins
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 1:1 +sbwt none'
