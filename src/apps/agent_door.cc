// SPDX-License-Identifier: Apache-2.0
#include "apps/agent_door.h"

#include "base/log.h"

#if GPUVIGIL_WITH_AGENTS
#include "profile/agent_socket.h"
#include "profile/profile_server.h"
#endif

namespace gpuvigil {

#if GPUVIGIL_WITH_AGENTS

namespace {

class OpenDoor final : public AgentDoor {
 public:
  explicit OpenDoor(std::unique_ptr<ProfileServer> server) : server_(std::move(server)) {}
  [[nodiscard]] std::unique_ptr<Source> source() override { return server_->source(); }
  void finish() override { server_->finish(); }
  [[nodiscard]] AgentDoorStats stats() const override {
    const ProfileStats stats = server_->stats();
    return {.inside = stats.programs, .came = stats.attached, .refused = stats.refused};
  }
  [[nodiscard]] Tracer& tracer() override { return *server_; }

 private:
  std::unique_ptr<ProfileServer> server_;
};

void log_event(const ProfileEvent& event) {
  const auto pid = kv("pid", event.pid);
  const auto uid = kv("uid", event.uid);
  const auto more = kv("unreported", event.unreported);
  switch (event.kind) {
    case ProfileEvent::Kind::kAttached:
      return log(LogLevel::kInfo, "agents.attached", {pid, uid, kv("writer", event.what), more});
    case ProfileEvent::Kind::kLeft:
      return log(LogLevel::kInfo, "agents.left", {pid, uid, kv("writer", event.what), more});
    case ProfileEvent::Kind::kRefused:
      return log(LogLevel::kWarn, "agents.refused", {pid, uid, kv("why", event.what), more});
  }
}

}  // namespace

Result<std::unique_ptr<AgentDoor>> open_agent_door(const std::string& where,
                                                   const Clock& timeline) {
  if (where == "off") return nullptr;
  ProfileOptions options;
  options.path = where == "auto" ? default_agent_socket() : where;
  options.on_event = log_event;
  const std::string path = options.path;
  auto server = ProfileServer::start(std::move(options), timeline);
  if (!server) {
    log(LogLevel::kWarn, "agents.unavailable",
        {kv("why", server.error().message),
         kv("so", "programs cannot report themselves to this server")});
    return nullptr;
  }
  log(LogLevel::kInfo, "agents.listening", {kv("socket", path)});
  return std::make_unique<OpenDoor>(*std::move(server));
}

Result<std::unique_ptr<AgentDoor>> open_agent_door_at(const std::string& path, Duration period,
                                                      const Clock& timeline) {
  ProfileOptions options;
  options.path = path;
  options.period = period;
  GPUVIGIL_TRY(auto server, ProfileServer::start(std::move(options), timeline));
  return std::make_unique<OpenDoor>(std::move(server));
}

#else

Result<std::unique_ptr<AgentDoor>> open_agent_door(const std::string& where, const Clock&) {
  if (where == "off" || where == "auto") return nullptr;
  return fail(Errc::kInvalidArgument,
              "this build takes no reports of programs (GPUVIGIL_WITH_AGENTS was off); leave out "
              "--socket and server.socket");
}

Result<std::unique_ptr<AgentDoor>> open_agent_door_at(const std::string&, Duration, const Clock&) {
  return fail(Errc::kInvalidArgument,
              "this build takes no reports of programs (GPUVIGIL_WITH_AGENTS was off)");
}

#endif

}  // namespace gpuvigil
