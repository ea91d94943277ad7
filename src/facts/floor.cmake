# The records of facts/*.facts become part of the program: write_table checks them and writes them as a sorted table.
file(GLOB whorl_fact_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/facts/*.facts")
set(whorl_fact_text "${CMAKE_CURRENT_BINARY_DIR}/facts/fact_text.cpp")
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/facts")

add_executable(whorl_write_table src/facts/table/write_table.cpp src/facts/fact.cpp src/facts/fact_file.cpp)
target_link_libraries(whorl_write_table PRIVATE whorl_base)
add_custom_command(OUTPUT "${whorl_fact_text}" DEPENDS whorl_write_table ${whorl_fact_files} VERBATIM
  COMMENT "Writing the table of facts"
  COMMAND whorl_write_table "${whorl_fact_text}" ${whorl_fact_files})
target_sources(whorl_floor_facts PRIVATE "${whorl_fact_text}")
