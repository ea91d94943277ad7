# The floors of whorl: which folder under src/ may use which, and which installed component it belongs to.
# CMake builds from this table and scripts/check_floors.py checks includes against it; this is the only copy.
# A floor may also use everything that the floors it uses may use. Floors without sources are skipped.

whorl_floor(deferred  COMPONENT core USES)
whorl_floor(reactor   COMPONENT core USES deferred)
whorl_floor(net       COMPONENT core USES reactor)
whorl_floor(facts     COMPONENT core USES deferred ONE_THREAD)
whorl_floor(guard     COMPONENT core USES reactor facts)
whorl_floor(places    COMPONENT core USES guard ALSO_ON epoll)
whorl_floor(process   COMPONENT core USES places)
if(NOT WHORL_SANITIZE)  # sanitizers wrap the same functions
whorl_floor(calls     COMPONENT blocking_calls USES guard TESTS_USE net)
endif()
whorl_floor(testing   COMPONENT testing USES net places process guard ONE_THREAD)
whorl_floor(protocols COMPONENT web  USES deferred LIBRARIES whorl_llhttp ONE_THREAD)
whorl_floor(web       COMPONENT web  USES protocols places net TESTS_USE testing)
whorl_floor(db        COMPONENT db   USES protocols places net TESTS_USE testing LIBRARIES SQLite::SQLite3 pq
            TESTS_TOGETHER "Postgres*" ALSO_ON epoll)
whorl_floor(jobs      COMPONENT jobs USES web db process places net facts TESTS_USE testing
            LIBRARIES SQLite::SQLite3 udunits2 nlohmann_json::nlohmann_json simdjson::simdjson)
whorl_floor(cli       PROGRAM whorl USES jobs web db net places process guard facts TESTS_USE testing
            LIBRARIES CLI11::CLI11 nlohmann_json::nlohmann_json)
