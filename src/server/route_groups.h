// The routes, by what they are about. Each adds its rows to the table.
//
// Threads: before the server starts.
#pragma once

#include "server/http/limits.h"
#include "server/http/routes.h"

namespace chronos::server {

void add_event_routes(Routes& routes, const HttpLimits& limits);
void add_query_routes(Routes& routes, const HttpLimits& limits);
void add_entity_routes(Routes& routes);
void add_fork_routes(Routes& routes, const HttpLimits& limits);
void add_key_routes(Routes& routes, const HttpLimits& limits);
void add_backup_routes(Routes& routes);
void add_live_routes(Routes& routes);
void add_consumer_routes(Routes& routes, const HttpLimits& limits);
void add_service_routes(Routes& routes, bool metrics_need_credentials);

}  // namespace chronos::server
