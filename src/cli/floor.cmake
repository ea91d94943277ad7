# The demo's weather is part of the program, so that it runs from anywhere: whorl_embedded::data().
whorl_embed(whorl_floor_cli "${PROJECT_SOURCE_DIR}/examples/data")
target_compile_definitions(whorl PRIVATE WHORL_VERSION="${PROJECT_VERSION}")

# Where `whorl guard` finds the library that it preloads, from the program's folder.
file(RELATIVE_PATH library_folder "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}/whorl")
target_compile_definitions(whorl_floor_cli PRIVATE WHORL_LIBRARY_FOLDER="${library_folder}")
if(TARGET whorl_guard)
  add_dependencies(whorl whorl_guard)
endif()
